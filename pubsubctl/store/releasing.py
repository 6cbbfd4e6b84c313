"""Attempts that were not made, or were stopped, are given back: ``release``."""

from collections.abc import Iterable

from sqlalchemy.sql import bindparam, null, update

from pubsubctl.job import JobState
from pubsubctl.store import words
from pubsubctl.store.attempts import last_attempts
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Lease
from pubsubctl.store.ending import stopped_event
from pubsubctl.store.events import note
from pubsubctl.store.happening import Attempt
from pubsubctl.store.schema import constant, jobs
from pubsubctl.store.statements import Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction

_RELEASE = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(
        state=constant(JobState.QUEUED),
        lease_until=null(),
        worker=null(),
        started_at=null(),
        progress_fraction=null(),
        progress_note=null(),
    ),
    ["due_at"],
    at_once=True,
)


def release(transaction: Transaction, leases: Iterable[Lease]) -> None:
    """See ``Store.release``."""
    now = transaction.now()
    asked = list(leases)
    attempts = last_attempts(transaction, [lease.job_id for lease in asked])
    current = [(lease, attempts[lease.job_id]) for lease in asked if _is_of(lease, attempts.get(lease.job_id))]
    released = {lease: attempt for lease, attempt in current if attempt.state is JobState.RUNNING}
    endings = [
        attempt.ending(lease.job_id, EventKind.RELEASED, now, words.RELEASED, lease.log)
        for lease, attempt in released.items()
    ]
    stopped = [stopped_event(lease, attempt, now) for lease, attempt in current if lease.log and _is_cancelled(attempt)]
    note(transaction, [*endings, *stopped])
    due_at = now + LEASE_GRACE_S
    transaction.run(_RELEASE, [{"job_id": job_id, "due_at": due_at} for job_id in {each.job_id for each in released}])


def _is_of(lease: Lease, attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.number == lease.attempt


def _is_cancelled(attempt: Attempt) -> bool:
    return attempt.state is JobState.CANCELLED
