"""Exactly-once delivery: which acks are told to have failed, and how."""

from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from harness.case import Case
from harness.expected import Refused
from harness.kit import Kit, texts
from harness.sources import EXACTLY_ONCE, UNDOCUMENTED, reference
from harness.stream import Stream
from harness.waiting import eventually

INVALID = Refused("INVALID_ARGUMENT")
CONFIRMATION = reference("StreamingPullResponse.AcknowledgeConfirmation")
MODIFY_CONFIRMATION = reference("StreamingPullResponse.ModifyAckDeadlineConfirmation")


def one_out(kit: Kit) -> tuple[str, Any]:
    """A subscription with exactly-once delivery, and its only message, which is out."""
    topic, subscription = kit.pair(enable_exactly_once_delivery=True)
    kit.publish(topic, "x")
    return subscription, kit.pull(subscription)[0]


def _acked(kit: Kit) -> Any:
    subscription, message = one_out(kit)
    answer = kit.ack(subscription, message)
    return answer, kit.backlog(subscription)


def _twice(kit: Kit) -> str:
    subscription, message = one_out(kit)
    kit.ack(subscription, message)
    return kit.ack(subscription, message)


def _redelivered(kit: Kit) -> tuple[str, Any, Any]:
    subscription, first = one_out(kit)
    kit.modify(subscription, 0, first)
    return subscription, first, kit.pull(subscription)[0]


def _old_ack_id(kit: Kit) -> str:
    subscription, first, _ = _redelivered(kit)
    return kit.ack(subscription, first)


def _old_ack_id_modified(kit: Kit) -> str:
    subscription, first, _ = _redelivered(kit)
    return kit.modify(subscription, 30, first)


def _new_ack_id(kit: Kit) -> Any:
    subscription, first, second = _redelivered(kit)
    kit.refusal("Acknowledge", subscription=subscription, ack_ids=[first.ack_id])
    return kit.ack(subscription, second), kit.backlog(subscription)


def _expired(kit: Kit) -> tuple[str, Any]:
    subscription, message = one_out(kit)
    kit.modify(subscription, 1, message)
    kit.pull(kit.subscription(), timeout_s=3)
    return subscription, message


def _late_ack(kit: Kit) -> str:
    return kit.ack(*_expired(kit))


def _late_modify(kit: Kit) -> str:
    subscription, message = _expired(kit)
    return kit.modify(subscription, 30, message)


def _details(kit: Kit) -> Any:
    """The reason, the domain, and what is told of the ack id, in google.rpc.ErrorInfo."""
    subscription, first, _ = _redelivered(kit)
    try:
        kit.ack(subscription, first)
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        info = ErrorInfo()
        if status is None or not any(detail.Unpack(info) for detail in status.details):
            return "no details"
        return info.reason, info.domain, info.metadata.get(first.ack_id)
    return "OK"


def _garbage(kit: Kit) -> str:
    subscription, _ = one_out(kit)
    return kit.ok("Acknowledge", subscription=subscription, ack_ids=["garbage"])


def _while_out(kit: Kit) -> list[str]:
    subscription, _ = one_out(kit)
    return kit.backlog(subscription)


def _same_id(kit: Kit) -> bool:
    _, first, second = _redelivered(kit)
    return first.message.message_id == second.message.message_id


def _streamed(kit: Kit) -> tuple[str, Stream]:
    topic, subscription = kit.pair(enable_exactly_once_delivery=True)
    kit.publish(topic, "x")
    stream = kit.stream(subscription)
    stream.data()
    return subscription, stream


def _told(kit: Kit) -> bool:
    _, stream = _streamed(kit)
    return stream.responses[0].subscription_properties.exactly_once_delivery_enabled


def _confirmed(stream: Stream, which: str, of: str, ack_id: str, *, within_s: float = 1.5) -> bool:
    """Whether the stream told this of the ack id, in time."""

    def told() -> bool:
        return any(ack_id in getattr(getattr(response, which), of) for response in list(stream.responses))

    return eventually(told, within_s=within_s)


def _ack_confirmed(kit: Kit) -> bool:
    _, stream = _streamed(kit)
    stream.ack(stream.first())
    return _confirmed(stream, "acknowledge_confirmation", "ack_ids", stream.first().ack_id)


def _invalid_ack_confirmed(kit: Kit) -> bool:
    """The ack id of a delivery before the last one."""
    _, stream = _streamed(kit)
    stream.modify(0, stream.first())
    stream.data(2)
    stream.ack(stream.first())
    return _confirmed(stream, "acknowledge_confirmation", "invalid_ack_ids", stream.first().ack_id)


def _modify_confirmed(kit: Kit) -> bool:
    _, stream = _streamed(kit)
    stream.modify(30, stream.first())
    return _confirmed(stream, "modify_ack_deadline_confirmation", "ack_ids", stream.first().ack_id)


def _invalid_modify_confirmed(kit: Kit) -> bool:
    _, stream = _streamed(kit)
    stream.modify(0, stream.first())
    stream.data(2)
    stream.modify(30, stream.first())
    return _confirmed(stream, "modify_ack_deadline_confirmation", "invalid_ack_ids", stream.first().ack_id)


def _settled_on_the_stream(kit: Kit) -> list[str]:
    subscription, stream = _streamed(kit)
    stream.ack(stream.first())
    stream.half_close()
    stream.end()
    return kit.backlog(subscription)


def _switched_on(kit: Kit) -> Any:
    """Switched on while a message is out, and acknowledged then."""
    topic, subscription = kit.pair()
    kit.publish(topic, "x")
    [message] = kit.pull(subscription)
    request = {"subscription": {"name": subscription, "enable_exactly_once_delivery": True}}
    kit.call("UpdateSubscription", **request, update_mask={"paths": ["enable_exactly_once_delivery"]})
    return kit.ack(subscription, message), texts(kit.pull_now(subscription))


TOLD = reference("StreamingPullResponse.SubscriptionProperties")

CASES = [
    Case("acked", "Acknowledge: the answer, and what is left", _acked, ("OK", []), EXACTLY_ONCE),
    Case("twice", "Acknowledge twice", _twice, INVALID, UNDOCUMENTED),
    Case("old-ack-id", "Acknowledge with the id of an earlier delivery", _old_ack_id, INVALID, EXACTLY_ONCE),
    Case(
        "old-ack-id-modified",
        "ModifyAckDeadline with the id of an earlier delivery",
        _old_ack_id_modified,
        INVALID,
        EXACTLY_ONCE,
    ),
    Case(
        "new-ack-id",
        "Acknowledge with the last delivery's id, after an earlier one's: the answer, and what is left",
        _new_ack_id,
        ("OK", []),
        EXACTLY_ONCE,
    ),
    Case("late-ack", "Acknowledge 1 s after the deadline", _late_ack, INVALID, EXACTLY_ONCE, google="OK"),
    Case("late-modify", "ModifyAckDeadline 1 s after the deadline", _late_modify, INVALID, EXACTLY_ONCE, google="OK"),
    Case(
        "details",
        "The error info of a refused ack: reason, domain, and that of the ack id",
        _details,
        ("EXACTLY_ONCE_ACKID_FAILURE", "pubsub.googleapis.com", "PERMANENT_FAILURE_INVALID_ACK_ID"),
        EXACTLY_ONCE,
    ),
    Case("garbage", "Acknowledge garbage", _garbage, INVALID, EXACTLY_ONCE),
    Case("while-out", "Pull while the message is out", _while_out, [], EXACTLY_ONCE),
    Case("same-id", "Is the message id the same when it comes again?", _same_id, documented=True, source=EXACTLY_ONCE),
    Case("told", "Does a stream tell that exactly-once delivery is enabled?", _told, documented=True, source=TOLD),
    Case(
        "ack-confirmed",
        "Is an ack on a stream confirmed?",
        _ack_confirmed,
        documented=True,
        source=CONFIRMATION,
        google=False,
    ),
    Case(
        "invalid-ack-confirmed",
        "Is an ack on a stream with an earlier delivery's id told to be invalid?",
        _invalid_ack_confirmed,
        documented=True,
        source=CONFIRMATION,
        google=False,
    ),
    Case(
        "modify-confirmed",
        "Is a new deadline on a stream confirmed?",
        _modify_confirmed,
        documented=True,
        source=MODIFY_CONFIRMATION,
        google=False,
    ),
    Case(
        "invalid-modify-confirmed",
        "Is a new deadline on a stream for an earlier delivery's id told to be invalid?",
        _invalid_modify_confirmed,
        documented=True,
        source=MODIFY_CONFIRMATION,
        google=False,
    ),
    Case("settled", "What is left after an ack on a stream", _settled_on_the_stream, [], EXACTLY_ONCE),
    Case(
        "switched-on",
        "Switched on while a message is out: its ack, and what is left",
        _switched_on,
        ("OK", []),
        UNDOCUMENTED,
    ),
]
