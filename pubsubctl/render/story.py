"""What happened to a job, in sentences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from pubsubctl.job import Job
from pubsubctl.render.figures import limit, took

_SENTENCES = {
    "submitted": "submitted",
    "published": "published{message}",
    "began": "attempt {attempt} began{worker}{message}",
    "refused": "delivery refused{worker}{message}",
    "ended": "attempt {attempt} ended{took}",
    "lost": "attempt {attempt} was lost{took}{worker}",
    "released": "attempt {attempt} was given back{took}{worker}",
    "late": "a result of attempt {attempt} came too late and was dropped{worker}",
    "cancelled": "cancelled by hand",
    "retried": "queued again by hand",
    "returned": "given up by the broker{message}",
    "mirrored": "dead letter mirrored{message}",
}
_UNBEGUN = {"ended": "ended without an attempt"}
_ASIDE = {"submitted", "cancelled"}


@dataclass(frozen=True)
class Entry:
    """One thing that happened; ``kind`` is the store's word for it, the rest is None where it says nothing."""

    at: float
    kind: str
    attempt: int = 0
    worker: str | None = None
    message_id: str | None = None
    text: str | None = None
    log: str | None = None


def terms(job: Job) -> Iterator[str]:
    """What was said with its submit, and how often it has failed."""
    if job.batch_id:
        yield job.batch_id
    if job.max_attempts is not None:
        yield f"{job.failures} of {job.max_attempts} failures"
    if job.crashes:
        yield f"{job.crashes} crashed"
    if job.timeout_s is not None:
        yield f"timeout {limit(job.timeout_s)}"
    if job.ordering_key:
        yield f"ordering key {job.ordering_key!r}"
    if job.idempotency_key is not None:
        yield f"idempotency key {job.idempotency_key!r}"


def sentence(entry: Entry, began: dict[int, float]) -> str:
    """What happened, in one line; ``began`` tells when each attempt did."""
    start = began.get(entry.attempt)
    sentences = _SENTENCES if entry.attempt else _SENTENCES | _UNBEGUN
    said = sentences.get(entry.kind, entry.kind).format(
        attempt=entry.attempt,
        worker=f" on {entry.worker}" if entry.worker else "",
        message=f" (message {entry.message_id})" if entry.message_id else "",
        took=f" after {took(entry.at - start)}" if start is not None else "",
    )
    if not entry.text:
        return said
    return f"{said}, {entry.text}" if entry.kind in _ASIDE else f"{said}: {entry.text}"
