"""Who may run a job: ``claim``. The decision is pure; every backend takes it inside its transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float
from sqlalchemy.sql import bindparam, func, literal_column, null, select, update

from pubsubctl.job import FINISHED, JobState, Reason
from pubsubctl.store import rows, words
from pubsubctl.store.adding import insert_jobs, unknown_row
from pubsubctl.store.attempts import Attempt, last_attempts
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Claim, Claimed, Refusal, Refused
from pubsubctl.store.events import EventRow, event_row, note
from pubsubctl.store.schema import constant, jobs, requests
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction

_REFUSALS = {
    Refusal.DONE: "the job has ended already",
    Refusal.CANCELLED: "the job was cancelled",
    Refusal.BUSY: "the job runs under another message",
    Refusal.HELD: "the job runs under this message already",
    Refusal.NOT_DUE: "the job may not run for another {wait_s:.1f} s",
    Refusal.SPENT: "the job has another message since somebody asked for it again",
    Refusal.CRASHED: "too many attempts ended without a record: the job is given up",
}
_BUSY_S = 0.1
CRASHED_ERROR = "its attempts ended without a record; look into the worker's log for what kills it"


@dataclass(slots=True)
class Standing:
    """What decides about a claim; ``decide`` keeps it current, so that the next claim of the job meets it."""

    state: JobState
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    max_attempts: int | None = None
    timeout_s: float | None = None
    message_id: str | None = None
    not_before: float | None = None
    lease_until: float | None = None
    created_at: float = 0.0
    forgiven_failures: int = 0
    forgiven_crashes: int = 0
    spent_message_ids: str | None = None
    worker: str | None = None
    started_at: float | None = None
    unread: bool = False  # a message that was buried, and is asked for again: the row does not say what to run
    told: bool = False  # a claim of this call was answered with its attempt

    @property
    def counted_crashes(self) -> int:
        """Those that count towards the limit."""
        return self.crashes - self.forgiven_crashes


def decide(standing: Standing, claim: Claim, now: float) -> Claimed | Refused:
    """Grant or refuse a claim, and make ``standing`` what it is after that. Pure but for ``standing``."""
    if standing.state in FINISHED:
        cancelled = standing.state is JobState.CANCELLED
        return Refused(claim.job_id, Refusal.CANCELLED if cancelled else Refusal.DONE)
    if standing.spent_message_ids is not None and claim.message_id in standing.spent_message_ids.split():
        return Refused(claim.job_id, Refusal.SPENT)
    if standing.state is JobState.RUNNING and _was_granted(standing, claim, now):
        return _granted(standing, claim)
    if standing.state is JobState.RUNNING:
        refused = _while_running(standing, claim, now)
        if refused is not None:
            return refused
    elif standing.not_before is not None and standing.not_before > now:
        return Refused(claim.job_id, Refusal.NOT_DUE, standing.not_before - now)
    return _grant(standing, claim, now)


def _was_granted(standing: Standing, claim: Claim, now: float) -> bool:
    """Whether it is this very claim's attempt that runs, as its worker does not know yet."""
    return (
        claim.first_asked_s is not None
        and not standing.told
        and (standing.worker, standing.message_id) == (claim.worker_id, claim.message_id)
        and (standing.started_at or 0.0) >= now - claim.first_asked_s
    )


def _while_running(standing: Standing, claim: Claim, now: float) -> Refused | None:
    left = (standing.lease_until or 0.0) - now
    if left > 0:
        if standing.message_id == claim.message_id:
            return Refused(claim.job_id, Refusal.HELD, left)
        return Refused(claim.job_id, Refusal.BUSY)
    standing.crashes += 1
    if standing.counted_crashes >= claim.max_crashes:
        standing.state = JobState.FAILED
        return Refused(claim.job_id, Refusal.CRASHED)
    return None


def _grant(standing: Standing, claim: Claim, now: float) -> Claimed:
    standing.state = JobState.RUNNING
    standing.attempt += 1
    standing.message_id = claim.message_id
    standing.not_before = None
    standing.lease_until = now + claim.lease_s
    standing.worker = claim.worker_id
    standing.started_at = now
    if standing.max_attempts is None:
        standing.max_attempts = standing.forgiven_failures + claim.max_attempts
    return _granted(standing, claim)


def _granted(standing: Standing, claim: Claim) -> Claimed:
    assert standing.max_attempts is not None
    standing.told = True
    return Claimed(
        claim.job_id,
        standing.attempt,
        standing.failures,
        standing.max_attempts,
        standing.timeout_s,
        standing.counted_crashes,
    )


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
            happened.append(_refused_event(each, standing, answer, now))
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


def _refused_event(claim: Claim, standing: Standing, answer: Refused, now: float) -> EventRow:
    return event_row(
        claim.job_id,
        EventKind.REFUSED,
        now,
        standing.attempt,
        worker=claim.worker_id,
        message_id=claim.message_id,
        text=_REFUSALS[answer.refusal].format(wait_s=answer.wait_s),
    )


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
    sent_at = now - claim.age_s
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
        "sent_at": sent_at if standing.created_at <= sent_at <= now else min(now, max(standing.created_at, sent_at)),
    }


def given_up_row(job_id: str, crashes: int, now: float, *, due_at: float) -> dict[str, Any]:
    """A job that crashed too often, as ``give_up`` takes it; ``due_at`` is when its dead letter is to be mirrored."""
    return {"job_id": job_id, "crashes": crashes, "error": CRASHED_ERROR, "finished_at": now, "due_at": due_at}


def give_up(transaction: Transaction, given_up: list[dict[str, Any]]) -> None:
    """Make jobs failed, reason ``crashed``."""
    transaction.run(_GIVE_UP, given_up)
