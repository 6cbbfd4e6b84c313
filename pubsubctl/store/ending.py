"""How an attempt ends, as a job's fields and its events tell it. Pure."""

from typing import Any

from pubsubctl.errors import StoreError
from pubsubctl.job import JobState
from pubsubctl.store import rows, words
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Lease, Outcome
from pubsubctl.store.happening import Attempt, EventRow, event_row
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.words import failed, succeeded

_ENDS = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.RETRYING})


def outcome_words(outcome: Outcome) -> str:
    """An outcome, in words for people."""
    if outcome.state is JobState.SUCCEEDED:
        return succeeded(outcome.response.status if outcome.response is not None else None)
    text = failed(outcome.reason, outcome.error)
    return f"{text}; again in {outcome.retry_in_s:.1f} s" if outcome.state is JobState.RETRYING else text


def ended_row(outcome: Outcome, now: float) -> dict[str, Any]:
    """What an outcome makes of its job.

    Raises:
        StoreError: an attempt cannot end so.
    """
    if outcome.state not in _ENDS:
        raise StoreError(f"an attempt cannot end as {outcome.state}; record succeeded, failed or retrying")
    retried = outcome.state is JobState.RETRYING
    again_at = now + outcome.retry_in_s if retried else None
    swept_at = again_at + LEASE_GRACE_S if again_at is not None and outcome.held else again_at
    dead = outcome.dead_letter and outcome.state is JobState.FAILED
    response = outcome.response
    return {
        "job_id": outcome.job_id,
        "state": str(outcome.state),
        "failed": int(outcome.state is not JobState.SUCCEEDED and not outcome.crashed),
        "crashed": int(outcome.crashed),
        "let_go": int(retried and not outcome.held),
        "reason": outcome.reason,
        "error": rows.text(outcome.error) if outcome.error is not None else None,
        "http_status": response.status if response is not None else None,
        "not_before": again_at,
        "due_at": now if dead else swept_at,
        "finished_at": None if retried else now,
        "result_bytes": response.size if response is not None and not retried else None,
        "kept_apart": int(response is not None and response.payload is not None),
    }


def recorded(outcome: Outcome, attempt: Attempt, reason: str | None) -> bool:
    """Whether a job's last attempt has ended just so already, as its row has it; see ``Outcome.again``."""
    last = (attempt.number, attempt.state, reason)
    return last == (outcome.attempt, outcome.state, outcome.reason)


def cancelled_event(job_id: str, attempt: Attempt, now: float) -> EventRow:
    """The event of a cancellation."""
    if attempt.state is JobState.RUNNING:
        return attempt.ending(job_id, EventKind.CANCELLED, now, "while it ran")
    return event_row(job_id, EventKind.CANCELLED, now, attempt.number)


def stopped_event(lease: Lease, attempt: Attempt, now: float) -> EventRow:
    """The event of an attempt that was stopped since its job is cancelled."""
    return event_row(
        lease.job_id, EventKind.ENDED, now, lease.attempt, worker=attempt.worker, text=words.STOPPED, log=lease.log
    )
