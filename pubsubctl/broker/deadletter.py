"""The mirror of a dead letter: the message that other consumers see on the dead-letter topic."""

from pubsubctl import wire
from pubsubctl.broker.publish import Outgoing
from pubsubctl.exchange import Request
from pubsubctl.job import Job, Reason

_NO_JOBS = (Reason.MALFORMED, Reason.FORGOTTEN)


def mirror(job: Job, request: Request, *, store_id: str) -> Outgoing:
    """The message of a job given up on: what it was, with the reason.

    Args:
        job: the failed job; of a message that was no job, its request holds the attributes as headers.
        request: what it was asked to run.
        store_id: the store that has its history.
    """
    if job.reason in _NO_JOBS:
        data, attributes = request.body, dict(request.headers)
    else:
        data, attributes = wire.encode(wire.Envelope(job.id, request, job.batch_id, store_id))
    for key, value in (
        ("dead-letter-job", job.id),
        ("dead-letter-reason", job.reason),
        ("dead-letter-error", job.error),
    ):
        if value and len(attributes) < wire.MAX_ATTRIBUTES:
            attributes[key] = value.encode()[: wire.MAX_VALUE_BYTES].decode(errors="ignore")
    return Outgoing(data, attributes, job.ordering_key)
