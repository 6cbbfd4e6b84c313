"""Jobs come into the store: ``add``, ``published``, ``unpublished``, ``bury``."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.sql import bindparam, case, func, insert, literal_column, null, select, update

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState, NewJob, Reason, difference
from pubsubctl.store import rows, words
from pubsubctl.store.attempts import last_attempts
from pubsubctl.store.base import (
    LOST_MESSAGE_S,
    PUBLISH_GRACE_S,
    Added,
    Burial,
    Claim,
    EventKind,
    Published,
    Unpublished,
)
from pubsubctl.store.events import EventRow, event_row, note
from pubsubctl.store.schema import constant, jobs, requests
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

_JOB = {
    "id": None,
    "state": str(JobState.QUEUED),
    "method": "",
    "path": "",
    "created_at": 0.0,
    "batch_id": None,
    "attempt": 0,
    "failures": 0,
    "crashes": 0,
    "max_attempts": None,
    "timeout_s": None,
    "message_id": None,
    "not_before": None,
    "idempotency_key": None,
    "ordering_key": "",
    "topic": "",
    "due_at": None,
}
_INSERT_JOB = Statement(insert(jobs), _JOB)
_INSERT_BURIED = Statement(insert(jobs), [*_JOB, "reason", "error", "finished_at", "published_at", "first_message_id"])
_BURY_AGAIN = Statement(
    update(jobs).where(jobs.c.id == bindparam("job_id")), ["state", "reason", "error", "finished_at", "due_at"]
)
_INSERT_REQUEST = Statement(insert(requests), requests.c.keys())
_WAITS = frozenset({str(JobState.QUEUED), str(JobState.RETRYING)})
# With whether it is a message that was buried, and that somebody has asked for again.
_KNOWN_IDS = Statement(
    select(
        jobs.c.id,
        (jobs.c.method == literal_column("''"))
        & jobs.c.state.in_([constant(JobState.QUEUED), constant(JobState.RETRYING)]),
    ).where(AnyOf(jobs.c.id))
)
_KNOWN_KEYS = Statement(
    select(
        jobs.c.idempotency_key,
        jobs.c.id,
        jobs.c.attempt,
        jobs.c.reason,
        requests.c.method,
        requests.c.path,
        requests.c.headers,
        requests.c.body,
    )
    .join_from(jobs, requests, requests.c.job_id == jobs.c.id)
    .where(AnyOf(jobs.c.idempotency_key))
)
# A job that may not run yet stays due at its time: whoever claims it before is told that it comes again then.
_PUBLISHED = Statement(
    update(jobs)
    .where(
        jobs.c.id == bindparam("job_id"),
        jobs.c.attempt == bindparam("of_attempt"),
        jobs.c.state.in_([constant(JobState.QUEUED), constant(JobState.RETRYING)]),
    )
    .values(
        due_at=case((jobs.c.not_before > bindparam("now"), jobs.c.due_at), else_=bindparam("lost_at")),
        published_at=func.coalesce(jobs.c.published_at, bindparam("now")),
        first_message_id=case((jobs.c.published_at.is_(None), bindparam("first_id")), else_=jobs.c.first_message_id),
    ),
    ["message_id"],
)
_PUBLISHED_BEFORE = Statement(
    select(jobs.c.id, jobs.c.attempt, jobs.c.state).where(AnyOf(jobs.c.id), jobs.c.published_at.is_not(None))
)
_WITHOUT_MESSAGE = Statement(
    select(jobs.c.id, jobs.c.attempt, jobs.c.state)
    .where(AnyOf(jobs.c.id), jobs.c.message_id.is_(None))
    .with_for_update()
)
_UNPUBLISHED = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(state=constant(JobState.FAILED), reason=constant(Reason.UNPUBLISHED), not_before=null()),
    ["error", "finished_at", "due_at"],
)
_QUEUE_AGAIN = Statement(
    update(jobs)
    .where(
        jobs.c.id == bindparam("job_id"),
        jobs.c.state == constant(JobState.FAILED),
        jobs.c.reason == constant(Reason.UNPUBLISHED),
    )
    .values(
        state=constant(JobState.QUEUED),
        reason=null(),
        error=null(),
        finished_at=null(),
        # What it failed for in an earlier life does not use up the new limits.
        max_attempts=jobs.c.failures + bindparam("allowed"),
        forgiven_failures=jobs.c.failures,
        forgiven_crashes=jobs.c.crashes,
    ),
    ["batch_id", "timeout_s", "not_before", "ordering_key", "topic", "due_at"],
)


@dataclass(slots=True)
class _Known:
    """The job that has an idempotency key."""

    job_id: str
    attempt: int
    reason: str | None
    request: Request


def add(transaction: Transaction, new: Sequence[NewJob]) -> list[Added]:
    """See ``Store.add``."""
    known = _known_keys(transaction, new)
    now = transaction.now()
    answers: list[Added] = []
    fresh: list[NewJob] = []
    again: list[dict[str, Any]] = []
    for job in new:
        first = known.get(job.idempotency_key) if job.idempotency_key is not None else None
        if first is None:
            if job.idempotency_key is not None:
                known[job.idempotency_key] = _Known(job.id, 0, None, job.request)
            fresh.append(job)
            answers.append(Added(job.id))
        elif (same := difference(first.request, job.request) is None) and first.reason == Reason.UNPUBLISHED:
            first.reason = None
            again.append(_again_row(job, first, now))
            answers.append(Added(first.job_id, attempt=first.attempt))
        else:
            answers.append(Added(first.job_id, existed=True, same_request=same, attempt=first.attempt))
    insert_jobs(transaction, [_new_row(job, now) for job in fresh], [(job.id, job.request) for job in fresh])
    transaction.run(_QUEUE_AGAIN, again)
    note(transaction, [_queued_again(row) for row in again])
    return answers


def _again_row(job: NewJob, known: _Known, now: float) -> dict[str, Any]:
    asked = {"job_id": known.job_id, "known_attempt": known.attempt, "allowed": job.max_attempts}
    return _new_row(job, now) | asked


def _queued_again(row: dict[str, Any]) -> EventRow:
    text = "submitted again under its idempotency key"
    return event_row(row["job_id"], EventKind.RETRIED, row["created_at"], row["known_attempt"], text=text)


def _known_keys(transaction: Transaction, new: Sequence[NewJob]) -> dict[str, _Known]:
    keys = [job.idempotency_key for job in new if job.idempotency_key is not None]
    found = transaction.fetch_any(_KNOWN_KEYS, keys)
    return {row[0]: _Known(row[1], row[2], row[3], rows.request(row[4:])) for row in found}


def _new_row(job: NewJob, now: float) -> dict[str, Any]:
    not_before = now + job.delay_s if job.delay_s > 0 else None
    return _JOB | {
        "id": job.id,
        "method": job.request.method,
        "path": job.request.path,
        "created_at": now,
        "batch_id": job.batch_id,
        "max_attempts": job.max_attempts,
        "timeout_s": job.timeout_s,
        "not_before": not_before,
        "idempotency_key": job.idempotency_key,
        "ordering_key": job.ordering_key,
        "topic": job.topic,
        "due_at": not_before or now + PUBLISH_GRACE_S,
    }


def unknown_row(claim: Claim, now: float) -> dict[str, Any]:
    """A job that came by message alone, as ``insert_jobs`` takes it."""
    return _JOB | {
        "id": claim.job_id,
        "method": claim.request.method,
        "path": claim.request.path,
        "created_at": now,
        "batch_id": claim.batch_id,
        "ordering_key": claim.ordering_key,
        "topic": claim.topic,
        "due_at": now,
    }


def insert_jobs(
    transaction: Transaction, job_rows: list[dict[str, Any]], bodies: Iterable[tuple[str, Request]]
) -> None:
    """Insert jobs with their requests.

    Raises:
        StoreError: an id is taken.
    """
    _refuse_taken(transaction, [row["id"] for row in job_rows])
    transaction.run(_INSERT_JOB, job_rows)
    transaction.run(_INSERT_REQUEST, [rows.request_row(job_id, request) for job_id, request in bodies])


def _refuse_taken(transaction: Transaction, ids: list[str]) -> None:
    # Asked before anything is written, so that a refusal inside a group leaves nothing behind.
    taken = [row[0] for row in transaction.fetch_any(_KNOWN_IDS, ids)]
    if not taken and len(set(ids)) < len(ids):
        taken = [job_id for job_id, times in Counter(ids).items() if times > 1]
    if taken:
        raise StoreError(f"the store has a job {taken[0]!r} already; give every job an id of its own")


def published(transaction: Transaction, messages: Iterable[Published]) -> None:
    """See ``Store.published``."""
    now = transaction.now()
    lost_at = now + LOST_MESSAGE_S
    taken: list[dict[str, Any]] = [
        {
            "job_id": each.job_id,
            "of_attempt": each.attempt,
            "message_id": each.message_id,
            "first_id": each.message_id,
            "now": now,
            "lost_at": lost_at,
        }
        for each in messages
    ]
    before = _waiting(transaction, _PUBLISHED_BEFORE, [row["job_id"] for row in taken])
    note(transaction, [_published_again(row) for row in taken if before.get(row["job_id"]) == row["of_attempt"]])
    transaction.run(_PUBLISHED, taken)


def _waiting(transaction: Transaction, statement: Statement, job_ids: Sequence[str]) -> dict[str, int]:
    """The attempt numbers of those that wait for a message. Asked by id alone, or an index over states is scanned."""
    return {row[0]: row[1] for row in transaction.fetch_any(statement, job_ids) if row[2] in _WAITS}


def _published_again(row: dict[str, Any]) -> EventRow:
    return event_row(row["job_id"], EventKind.PUBLISHED, row["now"], row["of_attempt"], message_id=row["message_id"])


def unpublished(transaction: Transaction, refusals: Iterable[Unpublished]) -> None:
    """See ``Store.unpublished``."""
    now = transaction.now()
    refused = list(refusals)
    waiting = _waiting(transaction, _WITHOUT_MESSAGE, [each.job_id for each in refused])
    failed = {each.job_id: each for each in refused if waiting.get(each.job_id) == each.attempt}.values()
    note(
        transaction, [_failed_event(each.job_id, each.attempt, Reason.UNPUBLISHED, each.error, now) for each in failed]
    )
    transaction.run(
        _UNPUBLISHED,
        [
            {
                "job_id": each.job_id,
                "error": rows.text(each.error),
                "finished_at": now,
                "due_at": now if each.dead_letter else None,
            }
            for each in failed
        ],
    )


def _failed_event(job_id: str, attempt: int, reason: Reason, error: str, now: float) -> EventRow:
    return event_row(job_id, EventKind.ENDED, now, attempt, text=words.failed(reason, error))


def bury(transaction: Transaction, burials: Sequence[Burial]) -> None:
    """See ``Store.bury``."""
    unique = {burial.job_id: burial for burial in reversed(burials)}
    known = {row[0]: row[1] for row in transaction.fetch_any(_KNOWN_IDS, list(unique))}
    fresh = [burial for burial in unique.values() if burial.job_id not in known]
    now = transaction.now()
    transaction.run(_INSERT_BURIED, [_buried_row(burial, now) for burial in fresh])
    bodies = [(burial.job_id, Request("", "", burial.headers, burial.body)) for burial in fresh]
    transaction.run(_INSERT_REQUEST, [rows.request_row(job_id, request) for job_id, request in bodies])
    _bury_again(transaction, [burial for burial in unique.values() if known.get(burial.job_id)], now)


def _bury_again(transaction: Transaction, burials: Sequence[Burial], now: float) -> None:
    """Those that somebody asked for again, and that are no jobs still."""
    attempts = last_attempts(transaction, [burial.job_id for burial in burials])
    note(
        transaction,
        [_failed_event(each.job_id, attempts[each.job_id].number, each.reason, each.error, now) for each in burials],
    )
    transaction.run(_BURY_AGAIN, [_failed_row(burial, now) | {"job_id": burial.job_id} for burial in burials])


def _buried_row(burial: Burial, now: float) -> dict[str, Any]:
    return (
        _JOB
        | _failed_row(burial, now)
        | {
            "id": burial.job_id,
            "created_at": now,
            "message_id": burial.message_id,
            "topic": burial.topic,
            "published_at": now,
            "first_message_id": burial.message_id,
        }
    )


def _failed_row(burial: Burial, now: float) -> dict[str, Any]:
    return {
        "state": str(JobState.FAILED),
        "reason": str(burial.reason),
        "error": rows.text(burial.error),
        "finished_at": now,
        "due_at": now,
    }
