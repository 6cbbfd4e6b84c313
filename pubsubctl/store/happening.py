"""Events as a store keeps them: what each says, and how much of it. Pure."""

from typing import Any, NamedTuple

from pubsubctl.job import JobState, Reason
from pubsubctl.store import rows, words
from pubsubctl.store.timeline import LOG_BYTES_KEPT, EventKind

_TEXT_KEPT = 1000

EventRow = dict[str, Any]


def event_row(
    job_id: str,
    kind: EventKind,
    at: float,
    attempt: int,
    *,
    worker: str | None = None,
    message_id: str | None = None,
    began_at: float | None = None,
    text: str | None = None,
    log: str = "",
) -> EventRow:
    """An event as ``note`` takes it."""
    return {
        "job_id": job_id,
        "of_job": job_id,
        "at": at,
        "kind": str(kind),
        "attempt": attempt,
        "worker": worker,
        "message_id": message_id,
        "began_at": began_at,
        "text": rows.text(text)[:_TEXT_KEPT] if text is not None else None,
        "log": _end_of(rows.text(log)) or None,
    }


def failed_event(job_id: str, attempt: int, reason: Reason, error: str, at: float) -> EventRow:
    """The failure of a job that was not running."""
    return event_row(job_id, EventKind.ENDED, at, attempt, text=words.failed(reason, error))


def _end_of(log: str) -> str:
    if len(log) * 4 <= LOG_BYTES_KEPT:
        return log
    return log.encode()[-LOG_BYTES_KEPT:].decode(errors="ignore")


class Attempt(NamedTuple):
    """The last attempt of a job, as its job has it; ``began_at`` is None once it was given back."""

    state: JobState
    number: int
    worker: str | None
    message_id: str | None
    began_at: float | None

    def ending(self, job_id: str, kind: EventKind, at: float, text: str | None, log: str = "") -> EventRow:
        """The event of its end."""
        return event_row(
            job_id,
            kind,
            at,
            self.number,
            worker=self.worker,
            message_id=self.message_id,
            began_at=self.began_at,
            text=text,
            log=log,
        )
