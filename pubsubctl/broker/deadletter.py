"""The mirror of a dead letter: the message that other consumers see on the dead-letter topic."""

from collections.abc import Iterator, Mapping

from pubsubctl import wire
from pubsubctl.broker.publish import Outgoing
from pubsubctl.errors import InvalidRequest
from pubsubctl.exchange import Request
from pubsubctl.job import Job, Reason

_NO_JOBS = (Reason.MALFORMED, Reason.FORGOTTEN)


def mirror(job: Job, request: Request, *, store_id: str) -> Outgoing:
    """The message of a job given up on: what it was, with the reason. There is always one.

    Where not everything fits into a message, this is left out, one after another: ``dead-letter-error``,
    ``dead-letter-reason``, ``dead-letter-job``; then, with those three back, all that the job was beside its body,
    so that nobody takes half of it for the whole; then the body too. The store has everything.

    Args:
        job: the failed job; of a message that was no job, its request holds the attributes as headers.
        request: what it was asked to run.
        store_id: the store that has its history.
    """
    if job.reason in _NO_JOBS:
        own = dict(request.headers)
    else:
        own = wire.attributes(wire.Envelope(job.id, request, job.batch_id, store_id))
    for data, attributes in _ever_less(own, _said(job), request.body):
        if _fits(attributes, len(data)):
            break
    return Outgoing(data, attributes, job.ordering_key)


def _said(job: Job) -> dict[str, str]:
    """Why it was given up, the most important first."""
    values = {"dead-letter-job": job.id, "dead-letter-reason": job.reason, "dead-letter-error": job.error}
    return {
        key: value.encode(errors="replace")[: wire.MAX_VALUE_BYTES].decode(errors="ignore")
        for key, value in values.items()
        if value
    }


def _ever_less(
    own: Mapping[str, str], said: Mapping[str, str], body: bytes
) -> Iterator[tuple[bytes, Mapping[str, str]]]:
    for count in range(len(said), -1, -1):
        yield body, {**own, **dict(list(said.items())[:count])}
    yield body, said
    yield b"", said


def _fits(attributes: Mapping[str, str], body_bytes: int) -> bool:
    try:
        wire.check_limits(attributes, body_bytes)
    except InvalidRequest:
        return False
    return True
