"""StreamingPull: what begins it, what ends it, and what goes over it."""

from typing import Any

from harness.case import SAME, Case
from harness.expected import Between, OneOf, Refused
from harness.kit import Kit, texts
from harness.sources import UNDOCUMENTED, reference
from harness.stream import Stream

STREAM = reference("Subscriber.StreamingPull")
DEADLINE = reference("StreamingPullRequest.stream_ack_deadline_seconds")


def field(name: str) -> str:
    """The reference of a stream request's field."""
    return reference(f"StreamingPullRequest.{name}")


def opened(kit: Kit, *data: str, **first: Any) -> tuple[str, str, Stream]:
    """A topic, a subscription and a stream of it, on which all these messages came."""
    topic, subscription = kit.pair()
    kit.publish(topic, *(data or ["x"]))
    stream = kit.stream(subscription, **first)
    stream.data(len(data) or 1)
    return topic, subscription, stream


def _deadline(number: int, documented: object) -> Case:
    def run(kit: Kit) -> Any:
        topic, subscription = kit.pair()
        kit.publish(topic, "x")
        stream = kit.stream(subscription, deadline_s=number)
        return stream.data() or stream.end()

    return Case(f"deadline-{number}", f"StreamingPull with an ack deadline of {number} s", run, documented, DEADLINE)


def _later(id_: str, what: str, documented: object, source: str, google: object = SAME, **fields: Any) -> Case:
    """How a stream ends that got one more request; ``open``: it does not."""

    def run(kit: Kit) -> Any:
        topic, _, stream = opened(kit)
        stream.send(**fields)
        expected = google if kit.kind == "gcloud" and google is not SAME else documented
        # Where the stream is to end, a message may still come before the request is read.
        if isinstance(expected, Refused):
            return stream.end()
        kit.publish(topic, "still")
        return stream.end() if "still" not in stream.data(2) else "open"

    return Case(id_, f"A later request on a stream: {what}", run, documented, source, google=google)


def _acked(kit: Kit) -> list[str]:
    """Half-closed after the ack, so that the answer comes when the ack was read."""
    _, subscription, stream = opened(kit)
    stream.ack(stream.first())
    stream.half_close()
    stream.end()
    kit.modify(subscription, 0, stream.first())
    return kit.backlog(subscription)


def _nacked(kit: Kit) -> list[str]:
    _, _, stream = opened(kit)
    stream.modify(0, stream.first())
    return stream.data(2)


def _beside(kit: Kit) -> list[str]:
    _, subscription, stream = opened(kit)
    kit.ack(subscription, stream.first())
    kit.modify(subscription, 0, stream.first())
    return kit.backlog(subscription)


def _expired(kit: Kit) -> list[str]:
    _, _, stream = opened(kit, deadline_s=60)
    stream.modify(1, stream.first())
    return stream.data(2)


def _backlog(kit: Kit) -> bool:
    data = [f"{n:03}" for n in range(300)]
    _, _, stream = opened(kit, *data)
    return stream.data(300) == data


def _as_published(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    stream = kit.stream(subscription)
    for n, name in enumerate("abc", 1):
        kit.publish(topic, name)
        stream.data(n)
    return stream.data(3)


def _large(kit: Kit) -> int:
    topic, subscription = kit.pair()
    for _ in range(3):
        kit.publish(topic, "x" * 4_500_000)
    return sum(map(len, kit.stream(subscription).data(3)))


def _missing(kit: Kit) -> Any:
    return kit.stream(kit.name("subscriptions", "missing")).end()


def _bad_name(kit: Kit) -> Any:
    return kit.stream("zz").end()


def _half_closed(kit: Kit) -> Any:
    topic, subscription, stream = opened(kit)
    stream.half_close()
    end = stream.end()
    kit.publish(topic, "after")
    return end, texts(kit.pull(subscription))


def _cancelled(kit: Kit) -> int:
    """What goes to the stream that is gone is not had for a long time."""
    topic, subscription, stream = opened(kit)
    stream.cancel()
    for _ in range(20):
        kit.publish(topic, "x")
    return len(kit.pull_all(subscription, 20, within_s=2))


def _given_back(kit: Kit) -> list[str]:
    """What a cancelled stream held comes again at its ack deadline, here shortened to a second."""
    _, subscription, stream = opened(kit)
    kit.modify(subscription, 1, stream.first())
    stream.cancel()
    return texts(kit.pull(subscription, timeout_s=6))


def _subscription_deleted(kit: Kit) -> Any:
    _, subscription, stream = opened(kit)
    kit.call("DeleteSubscription", subscription=subscription)
    return stream.end()


def _topic_deleted(kit: Kit) -> list[str]:
    topic, _, stream = opened(kit)
    kit.call("DeleteTopic", topic=topic)
    stream.modify(0, stream.first())
    return stream.data(2)


def _properties(kit: Kit) -> Any:
    topic, subscription = kit.pair(enable_message_ordering=True)
    kit.publish(topic, "x")
    stream = kit.stream(subscription)
    stream.data()
    told = stream.responses[0].subscription_properties
    return told.exactly_once_delivery_enabled, told.message_ordering_enabled


def _new_deadline(kit: Kit) -> list[str]:
    topic, _, stream = opened(kit)
    stream.send(stream_ack_deadline_seconds=30)
    kit.publish(topic, "y")
    return stream.data(2)


def _no_subscription(kit: Kit) -> Any:
    return kit.stream("").end()


INVALID = Refused("INVALID_ARGUMENT")
ACK_IDS, MODIFY_IDS = field("ack_ids"), field("modify_deadline_seconds")

CASES = [
    _deadline(0, INVALID),
    _deadline(9, INVALID),
    _deadline(10, ["x"]),
    _deadline(600, ["x"]),
    _deadline(601, INVALID),
    Case("missing", "StreamingPull of a subscription that does not exist", _missing, Refused("NOT_FOUND"), STREAM),
    Case("bad-name", "StreamingPull of a name that is none", _bad_name, INVALID, UNDOCUMENTED),
    Case("no-subscription", "StreamingPull without a subscription", _no_subscription, INVALID, field("subscription")),
    Case("backlog", "Do 300 messages come, in their order?", _backlog, documented=True, source=UNDOCUMENTED),
    Case("as-published", "Messages published one after the other", _as_published, list("abc"), STREAM),
    Case("large", "Bytes that come of three messages of 4.5 MB", _large, 13_500_000, STREAM),
    Case("acked", "Nack after an ack on the stream: what comes again", _acked, [], ACK_IDS),
    Case("nacked", "Nack on the stream", _nacked, ["x", "x"], MODIFY_IDS),
    Case("beside", "A message of a stream, acknowledged by a unary call, then nacked", _beside, [], ACK_IDS),
    Case("expired", "A deadline made 1 s on the stream", _expired, ["x", "x"], MODIFY_IDS),
    _later("later-nothing", "an empty one", "open", STREAM),
    _later("later-deadline", "another ack deadline", "open", DEADLINE, stream_ack_deadline_seconds=30),
    _later("later-bad-deadline", "an ack deadline of 5 s", INVALID, DEADLINE, stream_ack_deadline_seconds=5),
    _later("later-subscription", "the subscription again", INVALID, field("subscription"), subscription="zz"),
    _later(
        "later-flow",
        "max_outstanding_messages",
        INVALID,
        field("max_outstanding_messages"),
        "open",
        max_outstanding_messages=5,
    ),
    _later(
        "later-bytes", "max_outstanding_bytes", INVALID, field("max_outstanding_bytes"), "open", max_outstanding_bytes=5
    ),
    _later("later-protocol", "protocol_version", INVALID, field("protocol_version"), "open", protocol_version=1),
    _later("later-garbage-ack", "a malformed ack id", INVALID, ACK_IDS, ack_ids=["garbage"]),
    _later(
        "later-garbage-modify",
        "a deadline for a malformed ack id",
        INVALID,
        UNDOCUMENTED,
        modify_deadline_ack_ids=["garbage"],
        modify_deadline_seconds=[10],
    ),
    _later(
        "later-lengths",
        "two ids and one deadline",
        INVALID,
        MODIFY_IDS,
        modify_deadline_ack_ids=["a", "b"],
        modify_deadline_seconds=[10],
    ),
    _later(
        "later-negative",
        "a deadline of -1 s",
        INVALID,
        MODIFY_IDS,
        modify_deadline_ack_ids=["a"],
        modify_deadline_seconds=[-1],
    ),
    Case("new-deadline", "Messages after the stream's ack deadline was changed", _new_deadline, ["x", "y"], DEADLINE),
    Case(
        "half-closed",
        "A half-closed stream: how it ends; who gets the next message",
        _half_closed,
        ("OK", ["after"]),
        UNDOCUMENTED,
    ),
    Case(
        "cancelled",
        "Of 20 messages published when a stream was just cancelled, how many can be pulled within 2 s",
        _cancelled,
        20,
        STREAM,
        google=Between(0, 20),
    ),
    Case(
        "given-back",
        "Pull of what a cancelled stream held, when its deadline (1 s) has passed",
        _given_back,
        ["x"],
        STREAM,
        google=OneOf(["x"], []),
    ),
    Case(
        "subscription-deleted",
        "The stream of a subscription that is deleted",
        _subscription_deleted,
        Refused("NOT_FOUND"),
        UNDOCUMENTED,
    ),
    Case("topic-deleted", "A nack on a stream whose topic was deleted", _topic_deleted, ["x", "x"], UNDOCUMENTED),
    Case(
        "properties",
        "What a stream tells: exactly-once delivery, ordering",
        _properties,
        (False, True),
        reference("StreamingPullResponse.SubscriptionProperties"),
    ),
]
