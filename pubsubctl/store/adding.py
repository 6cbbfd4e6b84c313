"""Jobs come into the store: ``add``."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.sql import bindparam, insert, null, select, update

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState, NewJob, Reason, difference
from pubsubctl.store import rows
from pubsubctl.store.answers import Added
from pubsubctl.store.base import PUBLISH_GRACE_S
from pubsubctl.store.claims import Claim
from pubsubctl.store.events import EventRow, event_row, note
from pubsubctl.store.schema import constant, jobs, requests
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction

NEW_ROW = {
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
    "has_payloads": 0,
}
_INSERT_JOB = Statement(insert(jobs), NEW_ROW, at_once=True)
INSERT_REQUEST = Statement(insert(requests), requests.c.keys(), at_once=True)
_TAKEN = Statement(select(jobs.c.id).where(AnyOf(jobs.c.id)))
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
        requests.c.payload,
    )
    .join_from(jobs, requests, requests.c.job_id == jobs.c.id)
    .where(AnyOf(jobs.c.idempotency_key))
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
    if keys:
        transaction.wait_for_names(keys)
    found = transaction.fetch_any(_KNOWN_KEYS, keys)
    return {row[0]: _Known(row[1], row[2], row[3], rows.request(row[4:])) for row in found}


def _new_row(job: NewJob, now: float) -> dict[str, Any]:
    not_before = now + job.delay_s if job.delay_s > 0 else None
    return NEW_ROW | {
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
        "has_payloads": int(job.request.payload is not None),
    }


def unknown_row(claim: Claim, now: float) -> dict[str, Any]:
    """A job that came by message alone, as ``insert_jobs`` takes it."""
    return NEW_ROW | {
        "id": claim.job_id,
        "method": claim.request.method,
        "path": claim.request.path,
        "created_at": now,
        "batch_id": claim.batch_id,
        "ordering_key": claim.ordering_key,
        "topic": claim.topic,
        "due_at": now,
        "has_payloads": int(claim.request.payload is not None),
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
    transaction.run(INSERT_REQUEST, [rows.request_row(job_id, request) for job_id, request in bodies])


def _refuse_taken(transaction: Transaction, ids: list[str]) -> None:
    # Asked before anything is written, so that a refusal inside a group leaves nothing behind.
    taken = [row[0] for row in transaction.fetch_any(_TAKEN, ids)]
    if not taken and len(set(ids)) < len(ids):
        taken = [job_id for job_id, times in Counter(ids).items() if times > 1]
    if taken:
        raise StoreError(f"the store has a job {taken[0]!r} already; give every job an id of its own")
