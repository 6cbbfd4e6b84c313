"""A job's timeline: what can happen to a job, and how much of it is kept."""

from dataclasses import dataclass
from enum import StrEnum

EVENTS_KEPT = 200
FIRST_EVENTS_KEPT = 20
LOG_BYTES_KEPT = 16 * 1024


class EventKind(StrEnum):
    """What happened to a job."""

    SUBMITTED = "submitted"
    PUBLISHED = "published"  # the broker has a message for it
    BEGAN = "began"  # a delivery was granted: an attempt
    REFUSED = "refused"  # a delivery was not granted; the text says why
    ENDED = "ended"  # an attempt ended, and that was recorded; the text says how
    LOST = "lost"  # an attempt ended without a record: its lease ran out
    RELEASED = "released"  # an attempt was given back, it was not made or not the job's fault
    LATE = "late"  # an outcome came when the attempt was no longer the current one
    CANCELLED = "cancelled"  # somebody asked for it
    RETRIED = "retried"  # somebody asked for it
    RETURNED = "returned"  # the broker itself dead-lettered its message
    MIRRORED = "mirrored"  # its dead letter is on the dead-letter topic


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a job.

    Attributes:
        at: by the store's clock.
        kind: what it was.
        attempt: the attempt that it belongs to; 0 before the first.
        worker: the worker concerned.
        message_id: the message concerned.
        text: one line for people.
        log: the last of what the application printed and logged in the attempt that ended here.
    """

    at: float
    kind: EventKind
    attempt: int = 0
    worker: str | None = None
    message_id: str | None = None
    text: str | None = None
    log: str | None = None
