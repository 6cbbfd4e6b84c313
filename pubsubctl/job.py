"""Job, its states, and which may follow which. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pubsubctl.exchange import Request


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"  # waits for its first attempt, or for one that was given back
    RUNNING = "running"  # a worker holds its lease
    RETRYING = "retrying"  # an attempt failed; the next one is due at not_before
    SUCCEEDED = "succeeded"  # ended with a 2xx or 3xx response
    FAILED = "failed"  # ended without; the reason says why
    CANCELLED = "cancelled"  # ended because somebody asked for it


FINISHED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.RETRYING, JobState.QUEUED}
    ),
    JobState.RETRYING: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}
"""Which states may follow a state. ``queued`` after ``running`` is a release: the attempt was not made."""


class Reason(StrEnum):
    """Why a job is retrying, or has failed."""

    STATUS = "status"  # the application's answer, a status that is no success
    TIMEOUT = "timeout"  # the attempt ran longer than it may
    CRASHED = "crashed"  # the process that ran it died, or its worker did
    EXHAUSTED = "exhausted"  # as many failures as max_attempts allows
    RESULT_TOO_LARGE = "result-too-large"  # the response is over what the store may hold
    MALFORMED = "malformed"  # a message that cannot be read as a job
    FORGOTTEN = "forgotten"  # its message came so late that results of its time are no longer kept
    UNPUBLISHED = "unpublished"  # the broker surely has no message: it refused it, or no message can carry the job
    DEAD_LETTERED = "dead-lettered"  # the broker itself gave its message up, after too many deliveries
    PAYLOAD_UNREACHABLE = "payload-unreachable"  # a body that is kept apart could not be read, or not be kept
    PAYLOAD_DAMAGED = "payload-damaged"  # the request's body, kept apart, is not the one that was submitted


DEAD = frozenset(Reason) - {Reason.STATUS}
"""Reasons of a failed job that make it a dead letter: it was given up on. An answer that is no success is an answer."""
UNSEEN = frozenset({Reason.CRASHED, Reason.UNPUBLISHED, Reason.DEAD_LETTERED})
"""Reasons of jobs of whose last attempt nobody has seen the end; or that had none."""


OF_THE_WAY = frozenset(
    {
        "baggage",
        "date",
        "idempotency-key",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        "x-correlation-id",
        "x-request-id",
    }
)
"""Header fields that tell how a request came, and not what it asks for."""


def difference(first: Request, second: Request) -> str | None:
    """What two requests of one idempotency key differ in, or None: which way they came makes no difference.

    Returns:
        Words for it: ``method``, ``path``, ``body``, ``'accept' header``.
    """
    for name in ("method", "path"):
        if getattr(first, name) != getattr(second, name):
            return name
    if not _same_content(first, second):
        return "body"
    others = sorted({name for name, _ in set(first.headers) ^ set(second.headers)} - OF_THE_WAY)
    return f"{others[0]!r} header" if others else None


def _same_content(first: Request, second: Request) -> bool:
    """Whether the bodies are the same, wherever they are kept."""
    if first.payload is None and second.payload is None:
        return first.body == second.body
    return first.size == second.size and first.digest == second.digest


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is submitted.

    Attributes:
        id: see ``names.new_job_id``.
        request: what is to be run.
        topic: the full name of the topic that carries it; workers of another leave it alone.
        batch_id: the submit that it belongs to.
        delay_s: seconds before it may run.
        max_attempts: failures it is allowed; None leaves that to the worker.
        timeout_s: seconds an attempt may take; None leaves that to the worker.
        idempotency_key: at most one job of a key exists in a store.
        ordering_key: Pub/Sub's; jobs of one key run one after another.
    """

    id: str
    request: Request
    topic: str
    batch_id: str | None = None
    delay_s: float = 0.0
    max_attempts: int | None = None
    timeout_s: float | None = None
    idempotency_key: str | None = None
    ordering_key: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the store knows it, without its bodies. Times are seconds since the epoch, by the store's clock.

    Attributes:
        attempt: how many attempts were begun; the number of the last one, and its fencing token.
        failures: how many attempts ended with a failure that was recorded.
        crashes: how many attempts ended without a record.
        progress: what the application reported last: a fraction from 0 to 1 and a note.
        result_bytes: the length of the response's body.
    """

    id: str
    state: JobState
    method: str
    path: str
    created_at: float
    reason: str | None = None
    batch_id: str | None = None
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    max_attempts: int | None = None
    timeout_s: float | None = None
    worker: str | None = None
    message_id: str | None = None
    not_before: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    http_status: int | None = None
    error: str | None = None
    progress_fraction: float | None = None
    progress_note: str | None = None
    result_bytes: int | None = None
    idempotency_key: str | None = None
    ordering_key: str = ""
    topic: str = ""

    @property
    def finished(self) -> bool:
        """Whether it has ended: nothing changes it any more but a retry that somebody asks for."""
        return self.state in FINISHED

    @property
    def dead_letter(self) -> bool:
        """Whether it was given up on."""
        return self.state is JobState.FAILED and self.reason in DEAD

    @property
    def ran_s(self) -> float | None:
        """How long the last attempt ran; None while it runs, and where its end is not known.

        A job that was cancelled may have had no attempt, or one that ended long before.
        """
        if self.started_at is None or self.finished_at is None:
            return None
        known = self.state in {JobState.SUCCEEDED, JobState.FAILED} and self.reason not in UNSEEN
        return self.finished_at - self.started_at if known else None

    def document(self) -> dict[str, Any]:
        """The job as JSON shows it; these names are stable."""
        return {
            "id": self.id,
            "state": str(self.state),
            "reason": self.reason,
            "method": self.method,
            "path": self.path,
            "batch_id": self.batch_id,
            "attempt": self.attempt,
            "failures": self.failures,
            "crashes": self.crashes,
            "max_attempts": self.max_attempts,
            "timeout_s": self.timeout_s,
            "worker": self.worker,
            "created_at": rfc3339(self.created_at),
            "not_before": rfc3339(self.not_before),
            "started_at": rfc3339(self.started_at),
            "finished_at": rfc3339(self.finished_at),
            "http_status": self.http_status,
            "error": self.error,
            "progress": {"fraction": self.progress_fraction, "note": self.progress_note},
            "result_bytes": self.result_bytes,
            "idempotency_key": self.idempotency_key,
            "ordering_key": self.ordering_key or None,
        }


def rfc3339(seconds: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339 in UTC, to the millisecond."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
