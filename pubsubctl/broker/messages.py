"""Single messages: publishing one, pulling some, and saying what came of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.api_core import exceptions
from google.pubsub_v1 import types

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.patience import PATIENCE_S, patient
from pubsubctl.broker.publish import Outgoing
from pubsubctl.broker.resources import Document, document
from pubsubctl.broker.subject import about

_UPLOAD_BYTES_S = 200_000
"""A slow line: the 10 MB that a message may have take 50 s."""

_BEFORE_DEADLINE_S = 1.2
"""Brokers answer a pull with nothing about a second before its deadline."""


def publish(connection: Connection, topic: str, message: Outgoing) -> Document:
    """Publish one message; what comes back are its ``messageIds``.

    Raises:
        PubsubctlError: as ``about`` says.
    """
    outgoing = types.PubsubMessage(data=message.data, attributes=message.attributes, ordering_key=message.ordering_key)
    timeout_s = PATIENCE_S + message.size / _UPLOAD_BYTES_S
    with about(connection, topic):
        return document(connection.publisher.publish(topic=topic, messages=[outgoing], timeout=timeout_s))


def pull(connection: Connection, subscription: str, limit: int, *, wait_s: float) -> list[Document]:
    """At most ``limit`` messages: none, when none comes within ``wait_s`` seconds.

    Raises:
        PubsubctlError: as ``about`` says.
    """
    timeout_s = wait_s + _BEFORE_DEADLINE_S
    with about(connection, subscription):
        try:
            answer = connection.subscriber.pull(
                subscription=subscription, max_messages=limit, retry=patient(timeout_s), timeout=timeout_s
            )
        except exceptions.DeadlineExceeded:
            return []
    return [document(received) for received in answer.received_messages]


def acknowledge(connection: Connection, subscription: str, ack_ids: Sequence[str]) -> Mapping[str, str]:
    """Acknowledge deliveries.

    Returns:
        Why not, by ack id: of those that a subscription with exactly-once delivery could not confirm.

    Raises:
        PubsubctlError: as ``about`` says.
    """
    with about(connection, subscription):
        return _unconfirmed(connection.subscriber.acknowledge, subscription=subscription, ack_ids=ack_ids)


def auto_acknowledged(connection: Connection, subscription: str, received: list[Document]) -> list[Document]:
    """Acknowledge what was received, and say of each as ``ackStatus`` what came of it.

    Raises:
        PubsubctlError: as ``about`` says.
    """
    failed = acknowledge(connection, subscription, [one["ackId"] for one in received])
    return [{**one, "ackStatus": failed.get(one["ackId"], "SUCCESS")} for one in received]


def give_back(connection: Connection, subscription: str, ack_ids: Sequence[str]) -> Mapping[str, str]:
    """Let deliveries come again at once: a nack.

    Returns:
        Why not, as ``acknowledge`` does.

    Raises:
        PubsubctlError: as ``about`` says.
    """
    return modify_ack_deadline(connection, subscription, ack_ids, 0)


def modify_ack_deadline(
    connection: Connection, subscription: str, ack_ids: Sequence[str], ack_deadline_s: int
) -> Mapping[str, str]:
    """Let deliveries be due this many seconds from now; 0 gives them back at once.

    Returns:
        Why not, as ``acknowledge`` does.

    Raises:
        PubsubctlError: as ``about`` says.
    """
    with about(connection, subscription):
        return _unconfirmed(
            connection.subscriber.modify_ack_deadline,
            subscription=subscription,
            ack_ids=ack_ids,
            ack_deadline_seconds=ack_deadline_s,
        )


def _unconfirmed(call: Any, *, ack_ids: Sequence[str], **request: Any) -> Mapping[str, str]:
    """Call, and tell the failures that are those of single ack ids from those of the call.

    ABORTED says that not all of them were named: the embedded emulator does so where they are more than clients take.
    """
    failed: dict[str, str] = {}
    left = list(ack_ids)
    while left:
        try:
            call(ack_ids=left, **request)
            break
        except exceptions.GoogleAPICallError as error:
            details = error.metadata or {}  # exactly-once delivery: reasons by ack id
            named = {ack_id: str(details[ack_id]) for ack_id in left if ack_id in details}
            if not named:
                raise
            failed |= named
            if not isinstance(error, exceptions.Aborted):
                break
            left = [ack_id for ack_id in left if ack_id not in named]
    return failed
