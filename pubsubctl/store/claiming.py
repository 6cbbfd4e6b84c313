"""Who may run a job: ``claim``, as ``deciding`` has it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Float
from sqlalchemy.sql import bindparam, func, literal_column, null, select, update

from pubsubctl.job import JobState, Reason
from pubsubctl.store import rows, words
from pubsubctl.store.adding import insert_jobs
from pubsubctl.store.attempts import last_attempts
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Claim, Claimed, Refusal, Refused
from pubsubctl.store.deciding import CRASHED_ERROR, Standing, decide, refused_event, sent_at
from pubsubctl.store.events import note
from pubsubctl.store.happening import Attempt, EventRow
from pubsubctl.store.newcomers import unknown_row
from pubsubctl.store.schema import constant, jobs, requests
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction

_BUSY_S = 0.1
_STANDING = (
    select(
        jobs.c.id,
        jobs.c.state,
        jobs.c.attempt,
        jobs.c.failures,
        jobs.c.crashes,
        jobs.c.max_attempts,
        jobs.c.timeout_s,
        jobs.c.message_id,
        jobs.c.not_before,
        jobs.c.lease_until,
        jobs.c.created_at,
        jobs.c.forgiven_failures,
        jobs.c.forgiven_crashes,
        jobs.c.spent_message_ids,
        jobs.c.worker,
        jobs.c.started_at,
        jobs.c.method == literal_column("''"),
    )
    .where(AnyOf(jobs.c.id))
    .order_by(jobs.c.id)
)
_STANDINGS = Statement(_STANDING.with_for_update())
_FREE_STANDINGS = Statement(_STANDING.with_for_update(skip_locked=True))
_GRANT = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(
        state=constant(JobState.RUNNING),
        reason=null(),
        error=null(),
        http_status=null(),
        not_before=null(),
        progress_fraction=null(),
        progress_note=null(),
        # The message was taken, so it was published, whether or not its submitter has come to say so.
        published_at=func.coalesce(jobs.c.published_at, bindparam("sent_at", type_=Float(53))),
    ),
    ["attempt", "crashes", "max_attempts", "worker", "message_id", "lease_until", "due_at", "started_at"],
    at_once=True,
)
_GIVE_UP = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(state=constant(JobState.FAILED), reason=constant(Reason.CRASHED), lease_until=null()),
    ["crashes", "error", "finished_at", "due_at"],
)
_NAME = Statement(update(jobs).where(jobs.c.id == bindparam("of_job")), ["method", "path", "batch_id", "ordering_key"])
_KEEP_REQUEST = Statement(
    update(requests).where(requests.c.job_id == bindparam("of_job")), ["method", "path", "headers", "body", "payload"]
)


def claim(transaction: Transaction, claims: Sequence[Claim]) -> list[Claimed | Refused]:
    """See ``Store.claim``."""
    now = transaction.now()
    standings, busy = _standings(transaction, [each.job_id for each in claims])
    lapsed = [job_id for job_id, each in standings.items() if each.lease_until is not None and each.lease_until <= now]
    attempts = last_attempts(transaction, lapsed) if lapsed else {}
    answers: list[Claimed | Refused] = []
    unknown: list[Claim] = []
    granted: dict[str, dict[str, Any]] = {}
    given_up: list[dict[str, Any]] = []
    read: list[Claim] = []
    happened: list[EventRow] = []
    for each in claims:
        if each.job_id in busy:
            answers.append(Refused(each.job_id, Refusal.HELD, _BUSY_S))
            continue
        standing = standings.get(each.job_id)
        if standing is None:
            if each.age_s > each.max_age_s:
                answers.append(Refused(each.job_id, Refusal.FORGOTTEN))
                continue
            standing = standings[each.job_id] = Standing(JobState.QUEUED)
            unknown.append(each)
        crashes = standing.crashes
        answer = decide(standing, each, now)
        answers.append(answer)
        if standing.crashes > crashes:
            lost = attempts.get(each.job_id) if each.job_id not in granted else _begun(granted[each.job_id])
            assert lost is not None
            text = words.lost(None if isinstance(answer, Claimed) else CRASHED_ERROR)
            happened.append(lost.ending(each.job_id, EventKind.LOST, now, text))
        if isinstance(answer, Claimed):
            granted[each.job_id] = _grant_row(each, standing, now)
            if standing.unread:
                standing.unread = False
                read.append(each)
        else:
            happened.append(refused_event(each, standing, answer, now))
            if answer.refusal is Refusal.CRASHED:
                given_up.append(given_up_row(each.job_id, standing.crashes, now, due_at=now))
    _insert_unknown(transaction, unknown, now)
    transaction.run(_GRANT, list(granted.values()))
    give_up(transaction, given_up)
    _keep_read(transaction, read)
    note(transaction, happened)
    return answers


def _standings(transaction: Transaction, job_ids: Sequence[str]) -> tuple[dict[str, Standing], frozenset[str]]:
    """What decides about the jobs that there are; and which are being written by somebody else."""
    found, busy = transaction.lock_any(_STANDINGS, _FREE_STANDINGS, job_ids)
    unknown = set(job_ids).difference(busy, (row[0] for row in found))
    if unknown:  # others may be about to insert them too, or have done so since
        names = sorted(unknown)
        busy |= unknown - transaction.take_names(names)
        found = [*found, *transaction.fetch_any(_STANDINGS, names)]
    return {row[0]: Standing(rows.STATES[row[1]], *row[2:]) for row in found}, busy


def _begun(row: dict[str, Any]) -> Attempt:
    """An attempt that this very call has granted."""
    return Attempt(JobState.RUNNING, row["attempt"], row["worker"], row["message_id"], row["started_at"])


def _keep_read(transaction: Transaction, read: Sequence[Claim]) -> None:
    """What was buried unread can be read now."""
    asked = [_read_row(each) for each in read]
    transaction.run(_NAME, asked)
    transaction.run(_KEEP_REQUEST, asked)


def _read_row(claim: Claim) -> dict[str, Any]:
    return rows.request_row(claim.job_id, claim.request) | {
        "of_job": claim.job_id,
        "batch_id": claim.batch_id,
        "ordering_key": claim.ordering_key,
    }


def _insert_unknown(transaction: Transaction, unknown: Sequence[Claim], now: float) -> None:
    found = [unknown_row(each, now) for each in unknown]
    if found:
        insert_jobs(transaction, found, [(each.job_id, each.request) for each in unknown])


def _grant_row(claim: Claim, standing: Standing, now: float) -> dict[str, Any]:
    lease_until = now + claim.lease_s
    return {
        "job_id": claim.job_id,
        "attempt": standing.attempt,
        "crashes": standing.crashes,
        "max_attempts": standing.max_attempts,
        "worker": claim.worker_id,
        "message_id": claim.message_id,
        "lease_until": lease_until,
        "due_at": lease_until + LEASE_GRACE_S,
        "started_at": now,
        "sent_at": sent_at(claim, standing, now),
    }


def given_up_row(job_id: str, crashes: int, now: float, *, due_at: float) -> dict[str, Any]:
    """A job that crashed too often, as ``give_up`` takes it; ``due_at`` is when its dead letter is to be mirrored."""
    return {"job_id": job_id, "crashes": crashes, "error": CRASHED_ERROR, "finished_at": now, "due_at": due_at}


def give_up(transaction: Transaction, given_up: list[dict[str, Any]]) -> None:
    """Make jobs failed, reason ``crashed``."""
    transaction.run(_GIVE_UP, given_up)
