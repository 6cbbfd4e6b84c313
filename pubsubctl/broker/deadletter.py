"""Messages of dead letters: the mirror that other consumers see, and what is published when one is tried again.

Two kinds of messages meet on the dead-letter topic: mirrors, which workers publish, and messages that the broker itself
has given up after too many deliveries. The broker marks its own with attributes (see
https://cloud.google.com/pubsub/docs/handling-failures); a mirror never has those.
"""

from collections.abc import Iterator, Mapping

from pubsubctl import wire
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Outgoing
from pubsubctl.errors import InvalidRequest
from pubsubctl.exchange import Request
from pubsubctl.job import Job
from pubsubctl.settings import Settings

_SOURCE = "CloudPubSubDeadLetterSource"
SOURCE_SUBSCRIPTION = f"{_SOURCE}Subscription"
"""The attribute by which the broker says from which subscription a message comes that it has given up: the id alone."""
SOURCE_DELIVERIES = f"{_SOURCE}DeliveryCount"
"""The attribute by which it says how many times it was delivered."""


def returned_path(settings: Settings) -> str:
    """The full name of the subscription by which workers learn what the broker itself has given up."""
    return f"{settings.subscription_path}-returned"


def has_other_subscriptions(connection: Connection, settings: Settings) -> bool:
    """Whether the dead-letter topic has a subscription beside that one: without any, what is published there is lost.

    Raises:
        BrokerUnreachable: no answer.
        BrokerError: the broker refused to tell, or there is no such topic.
    """
    from pubsubctl.broker.admin import subscriptions_of
    from pubsubctl.broker.refusals import translated

    with translated(connection):
        found = subscriptions_of(connection, settings.dead_letter_topic_path)
        return any(name != returned_path(settings) for name in found)


def without_source(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a message as it was before the broker gave it up."""
    return {key: value for key, value in attributes.items() if not key.startswith(_SOURCE)}


def is_no_job(request: Request) -> bool:
    """Whether it is a message kept as it came, its attributes as headers: one that was no job, or not any more."""
    return not request.method


def buried_id(attributes: Mapping[str, str], message_id: str, *, store_id: str) -> str:
    """The id under which a message that is no job is kept: a new one, unless ``as_it_came`` has given it one.

    Args:
        attributes: of the message.
        message_id: the message's.
        store_id: ours. What another store has sent out, or nobody, cannot name a job of ours.
    """
    known = attributes.get("job-id")
    return known if known and attributes.get("store-id") == store_id else f"msg-{message_id}"


def as_it_came(job: Job, request: Request, *, store_id: str) -> Outgoing:
    """The message that was no job, once more; with the id that it is known by, so that it becomes that job.

    Raises:
        InvalidRequest: there is no room for that; the text names the limit.
    """
    attributes = {**without_source(dict(request.headers)), "job-id": job.id, "store-id": store_id}
    wire.check_limits(attributes, len(request.body))
    return Outgoing(request.body, attributes, job.ordering_key)


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
    if is_no_job(request):
        own = without_source(dict(request.headers))
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
