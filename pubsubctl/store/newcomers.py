"""Jobs as they come into a store, submitted, by message alone, or buried; and who finds one there already. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pubsubctl.exchange import Request
from pubsubctl.job import JobState, NewJob, Reason, difference
from pubsubctl.store import rows
from pubsubctl.store.answers import Added
from pubsubctl.store.base import PUBLISH_GRACE_S
from pubsubctl.store.claims import Claim
from pubsubctl.store.happening import EventRow, event_row
from pubsubctl.store.messages import Burial
from pubsubctl.store.timeline import EventKind

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


@dataclass(slots=True)
class Known:
    """The job that has an idempotency key."""

    job_id: str
    attempt: int
    reason: str | None
    request: Request


@dataclass(slots=True)
class Asked:
    """What becomes of the jobs of a call of ``add``: ``fresh`` are inserted, ``again`` are known and queued again."""

    answers: list[Added] = field(default_factory=list)
    fresh: list[NewJob] = field(default_factory=list)
    again: list[tuple[NewJob, Known]] = field(default_factory=list)


def answer(new: Sequence[NewJob], keys: Mapping[str, Known]) -> Asked:
    """Tell new jobs from those that an idempotency key finds; ``keys`` are those that the store knows."""
    known = dict(keys)
    asked = Asked()
    for job in new:
        first = known.get(job.idempotency_key) if job.idempotency_key is not None else None
        if first is None:
            if job.idempotency_key is not None:
                known[job.idempotency_key] = Known(job.id, 0, None, job.request)
            asked.fresh.append(job)
            asked.answers.append(Added(job.id))
        elif (same := difference(first.request, job.request) is None) and first.reason == Reason.UNPUBLISHED:
            first.reason = None
            asked.again.append((job, first))
            asked.answers.append(Added(first.job_id, attempt=first.attempt))
        else:
            asked.answers.append(Added(first.job_id, existed=True, same_request=same, attempt=first.attempt))
    return asked


def new_row(job: NewJob, now: float) -> dict[str, Any]:
    """A job that was submitted."""
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
    """A job that came by message alone, and is known since its claim."""
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


def queued_again_event(job_id: str, attempt: int, now: float) -> EventRow:
    """The event of a job that its idempotency key queues again."""
    return event_row(job_id, EventKind.RETRIED, now, attempt, text="submitted again under its idempotency key")


def buried_row(burial: Burial, now: float) -> dict[str, Any]:
    """A message that is no job."""
    return (
        NEW_ROW
        | buried_failure(burial, now)
        | {
            "id": burial.job_id,
            "created_at": now,
            "message_id": burial.message_id,
            "topic": burial.topic,
            "published_at": now,
            "first_message_id": burial.message_id,
        }
    )


def buried_failure(burial: Burial, now: float) -> dict[str, Any]:
    """What it has failed for."""
    return {
        "state": str(JobState.FAILED),
        "reason": str(burial.reason),
        "error": rows.text(burial.error),
        "finished_at": now,
        "due_at": now,
    }
