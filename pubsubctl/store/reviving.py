"""A job that has ended begins anew, as its fields and its events tell it. Pure."""

from collections.abc import Sequence
from typing import Any

from pubsubctl.job import Job, JobState
from pubsubctl.store.happening import Attempt, EventRow, event_row
from pubsubctl.store.messages import Returned
from pubsubctl.store.telling import Told, untold_end
from pubsubctl.store.timeline import EventKind

_MOST_SPENT = 20
RETRIED = frozenset({JobState.FAILED, JobState.CANCELLED})
"""What ``retry`` queues again."""
WAITING = frozenset({JobState.QUEUED, JobState.RETRYING})
"""What waits for a message."""


def retried_events(job: Job, told: Sequence[Told], now: float) -> list[EventRow]:
    """That it was asked for; and how the job ended, which nothing else will tell any more."""
    retried = event_row(job.id, EventKind.RETRIED, now, job.attempt)
    end = untold_end(job, told)
    if end is None:
        return [retried]
    ended = Attempt(job.state, job.attempt, job.worker, job.message_id, end.began_at)
    return [ended.ending(job.id, end.event.kind, end.event.at, end.event.text), retried]


def again_row(job: Job, forgiven: int, spent: str | None, now: float) -> dict[str, Any]:
    """As many failures more as were allowed at first; and the messages that it had bring it no more."""
    messages = [*(spent or "").split(), *([job.message_id] if job.message_id else [])]
    allowed = job.failures + job.max_attempts - forgiven if job.max_attempts is not None else None
    return {
        "job_id": job.id,
        "max_attempts": allowed,
        "due_at": now,
        "spent_message_ids": " ".join(messages[-_MOST_SPENT:]) or None,
    }


def returned_event(message: Returned, attempt: Attempt, now: float) -> EventRow:
    """The event of a message that the broker has dead-lettered."""
    return event_row(
        message.job_id, EventKind.RETURNED, now, attempt.number, message_id=message.message_id, text=message.error
    )
