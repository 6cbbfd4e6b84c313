"""Publish: what a message may be, and what becomes of it."""

import datetime as dt
from typing import Any

from harness.case import SAME, Case
from harness.expected import OneOf, Refused
from harness.kit import Kit, texts
from harness.sources import QUOTAS, UNDOCUMENTED, reference

INVALID = Refused("INVALID_ARGUMENT")
MESSAGE = reference("PubsubMessage")


def _publish(
    id_: str, what: str, messages: list[dict[str, Any]], documented: object, source: str, google: object = SAME
) -> Case:
    def run(kit: Kit) -> str:
        ids = kit.call("Publish", topic=kit.topic(), messages=messages).message_ids
        return "OK" if len(ids) == len(messages) else f"{len(ids)} ids"

    return Case(id_, f"Publish of {what}", run, documented, source, google=google)


def _one(id_: str, what: str, message: dict[str, Any], documented: object, google: object = SAME) -> Case:
    return _publish(id_, what, [{"data": b"x", **message}], documented, QUOTAS, google)


def _received(kit: Kit, **message: Any) -> Any:
    """The message as a subscriber gets it."""
    topic, subscription = kit.pair()
    kit.call("Publish", topic=topic, messages=[message])
    return kit.pull(subscription)[0].message


def _as_published(kit: Kit) -> Any:
    got = _received(kit, data=b"\x00\xff", attributes={"a": "1", "ä": "ü"}, ordering_key="k")
    return got.data, dict(got.attributes), got.ordering_key


def _attributes_only(kit: Kit) -> Any:
    got = _received(kit, attributes={"a": ""})
    return got.data, dict(got.attributes)


def _own_id(kit: Kit) -> bool:
    return _received(kit, data=b"x", message_id="mine").message_id == "mine"


def _own_time(kit: Kit) -> bool:
    then = dt.datetime(2001, 2, 3, tzinfo=dt.UTC)
    return _received(kit, data=b"x", publish_time=then).publish_time.year > 2001


def _publish_time(kit: Kit) -> bool:
    age = dt.datetime.now(dt.UTC) - _received(kit, data=b"x").publish_time
    return abs(age.total_seconds()) < 60


def _ids(kit: Kit) -> bool:
    topic, subscription = kit.pair()
    ids = [id_ for _ in range(3) for id_ in kit.publish(topic, "a", "b")]
    return ids == [one.message.message_id for one in kit.pull_all(subscription, 6)] and len(set(ids)) == 6


def _nothing_of_a_refused_publish(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.refusal("Publish", topic=topic, messages=[{"data": b"good"}, {}])
    return kit.backlog(subscription)


def _fan_out(kit: Kit) -> Any:
    topic, first = kit.pair()
    second = kit.subscription(topic)
    kit.publish(topic, "x")
    return kit.backlog(first), kit.backlog(second)


def _before_the_subscription(kit: Kit) -> list[str]:
    topic = kit.topic()
    kit.publish(topic, "before")
    subscription = kit.subscription(topic)
    kit.publish(topic, "after")
    return kit.backlog(subscription)


def _thousand(kit: Kit) -> bool:
    topic, subscription = kit.pair()
    data = [f"{n:03}" for n in range(1000)]
    kit.publish(topic, *data)
    return sorted(texts(kit.pull_all(subscription, 1000))) == data


def _too_large(kit: Kit) -> str:
    """One answer in time: a request that never gets one is what this looks for."""
    topic = kit.topic()
    return kit.ok("Publish", topic=topic, messages=[{"data": b"x" * 12_000_000}], timeout_s=2)


def _alive_after_too_large(kit: Kit) -> str:
    topic = kit.topic()
    kit.refusal("Publish", topic=topic, messages=[{"data": b"x" * 12_000_000}], timeout_s=2)
    return kit.ok("Publish", topic=topic, messages=[{"data": b"x"}])


def _bad_topic(kit: Kit) -> str:
    return kit.ok("Publish", topic="nonsense", messages=[{"data": b"x"}])


def _attributes(count: int) -> dict[str, str]:
    return {f"k{n}": "v" for n in range(count)}


CASES = [
    _publish("none", "no messages", [], INVALID, UNDOCUMENTED),
    _publish("empty", "a message without data and attributes", [{}], INVALID, MESSAGE),
    _publish("key-only", "a message with an ordering key only", [{"ordering_key": "k"}], INVALID, MESSAGE),
    _publish("one-empty", "two messages, one of them empty", [{"data": b"x"}, {}], INVALID, MESSAGE),
    _publish("1000", "1,000 messages", [{"data": b"x"}] * 1000, "OK", QUOTAS),
    _publish("1001", "1,001 messages", [{"data": b"x"}] * 1001, INVALID, QUOTAS),
    _one("attributes-100", "a message with 100 attributes", {"attributes": _attributes(100)}, "OK"),
    _one("attributes-101", "a message with 101 attributes", {"attributes": _attributes(101)}, INVALID, "OK"),
    _one("attribute-key-256", "an attribute key of 256 bytes", {"attributes": {"k" * 256: "v"}}, "OK"),
    _one("attribute-key-257", "an attribute key of 257 bytes", {"attributes": {"k" * 257: "v"}}, INVALID, "OK"),
    _one(
        "attribute-key-utf8",
        "an attribute key of 258 bytes in 129 letters",
        {"attributes": {"é" * 129: ""}},
        INVALID,
        "OK",
    ),
    _one("attribute-value-1024", "an attribute value of 1,024 bytes", {"attributes": {"k": "v" * 1024}}, "OK"),
    _one("attribute-value-1025", "an attribute value of 1,025 bytes", {"attributes": {"k": "v" * 1025}}, INVALID, "OK"),
    _one("ordering-key-1024", "an ordering key of 1,024 bytes", {"ordering_key": "k" * 1024}, "OK"),
    _one("ordering-key-1025", "an ordering key of 1,025 bytes", {"ordering_key": "k" * 1025}, INVALID, "OK"),
    _one("data-9999000", "9,999,000 bytes of data", {"data": b"x" * 9_999_000}, "OK"),
    _one("data-10000001", "10,000,001 bytes of data", {"data": b"x" * 10_000_001}, INVALID, "OK"),
    _publish("two-of-5-mb", "two messages of 5,250,000 bytes", [{"data": b"x" * 5_250_000}] * 2, INVALID, QUOTAS, "OK"),
    Case(
        "12-mb",
        "Publish of 12,000,000 bytes of data",
        _too_large,
        INVALID,
        QUOTAS,
        google=OneOf(Refused("DEADLINE_EXCEEDED"), Refused("INTERNAL")),
    ),
    Case("after-12-mb", "Publish of a small message after one too large", _alive_after_too_large, "OK", QUOTAS),
    Case("bad-topic", "Publish to a name that is none of a topic", _bad_topic, INVALID, UNDOCUMENTED),
    Case(
        "as-published",
        "What is received of data, attributes and ordering key",
        _as_published,
        (b"\x00\xff", {"a": "1", "ä": "ü"}, "k"),
        MESSAGE,
    ),
    Case("attributes-only", "A message without data, received", _attributes_only, (b"", {"a": ""}), MESSAGE),
    Case(
        "own-id",
        "Is a message id that the publisher sets kept?",
        _own_id,
        documented=False,
        source=reference("PubsubMessage.message_id"),
    ),
    Case(
        "own-time",
        "Is a publish time that the publisher sets replaced?",
        _own_time,
        documented=True,
        source=reference("PubsubMessage.publish_time"),
    ),
    Case(
        "publish-time",
        "Is the publish time that of the publish?",
        _publish_time,
        documented=True,
        source=reference("PubsubMessage.publish_time"),
    ),
    Case(
        "ids",
        "Are ids unique, and in the response in the order of the messages?",
        _ids,
        documented=True,
        source=reference("PublishResponse.message_ids"),
    ),
    Case(
        "refused-whole",
        "What is delivered of a publish that was refused for one of its messages",
        _nothing_of_a_refused_publish,
        [],
        UNDOCUMENTED,
    ),
    Case("fan-out", "A message with two subscriptions", _fan_out, (["x"], ["x"]), reference("Publisher.Publish")),
    Case(
        "before-the-subscription",
        "What a subscription gets of messages before and after it was made",
        _before_the_subscription,
        ["after"],
        reference("Subscriber.CreateSubscription"),
    ),
    Case("thousand", "Are 1,000 messages of one request all delivered?", _thousand, documented=True, source=MESSAGE),
    Case(
        "mixed-ordering-keys",
        "Publish of messages with two ordering keys in one request",
        lambda kit: kit.ok(
            "Publish",
            topic=kit.topic(),
            messages=[{"data": b"x", "ordering_key": key} for key in ("a", "b")],
        ),
        Refused("FAILED_PRECONDITION", "ordering key"),
        reference("PubsubMessage.ordering_key"),
        google="OK",
    ),
]
