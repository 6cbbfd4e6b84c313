"""Jobs come into the store: ``add``."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.sql import bindparam, insert, null, select, update

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState, NewJob, Reason
from pubsubctl.store import rows
from pubsubctl.store.answers import Added
from pubsubctl.store.events import note
from pubsubctl.store.newcomers import NEW_ROW, Known, answer, new_row, queued_again_event
from pubsubctl.store.schema import constant, jobs, requests
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

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


def add(transaction: Transaction, new: Sequence[NewJob]) -> list[Added]:
    """See ``Store.add``."""
    known = _known_keys(transaction, new)
    now = transaction.now()
    asked = answer(new, known)
    again = [_again_row(job, first, now) for job, first in asked.again]
    insert_jobs(transaction, [new_row(job, now) for job in asked.fresh], [(job.id, job.request) for job in asked.fresh])
    transaction.run(_QUEUE_AGAIN, again)
    note(transaction, [queued_again_event(row["job_id"], row["known_attempt"], now) for row in again])
    return asked.answers


def _again_row(job: NewJob, known: Known, now: float) -> dict[str, Any]:
    asked = {"job_id": known.job_id, "known_attempt": known.attempt, "allowed": job.max_attempts}
    return new_row(job, now) | asked


def _known_keys(transaction: Transaction, new: Sequence[NewJob]) -> dict[str, Known]:
    keys = [job.idempotency_key for job in new if job.idempotency_key is not None]
    if keys:
        transaction.wait_for_names(keys)
    found = transaction.fetch_any(_KNOWN_KEYS, keys)
    return {row[0]: Known(row[1], row[2], row[3], rows.request(row[4:])) for row in found}


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
