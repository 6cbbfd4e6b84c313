"""Ordering keys: the order in which messages come, come again, and wait."""

from typing import Any

from harness.case import Case
from harness.kit import Kit, texts
from harness.sources import ORDERING, reference

FIELD = reference("PubsubMessage.ordering_key")


def keyed(kit: Kit, topic: str, *names: str) -> None:
    """Publish messages, one a request, whose key is the first letter of their name."""
    for name in names:
        kit.publish(topic, name, ordering_key=name[0])


def ordered(kit: Kit, *names: str, **settings: Any) -> str:
    """An ordered subscription with these messages."""
    topic, subscription = kit.pair(enable_message_ordering=True, **settings)
    keyed(kit, topic, *names)
    return subscription


def _of(names: list[str], key: str) -> list[str]:
    return [name for name in names if name.startswith(key)]


def _each_in_order(kit: Kit) -> Any:
    got = texts(kit.pull_all(ordered(kit, "A0", "B0", "A1", "B1", "A2", "B2"), 6))
    return _of(got, "A"), _of(got, "B")


def _in_order_on_a_stream(kit: Kit) -> Any:
    names = [f"{key}{n}" for n in range(5) for key in "AB"]
    got = kit.stream(ordered(kit, *names)).data(10)
    return _of(got, "A"), _of(got, "B")


def _waits(kit: Kit) -> list[str]:
    subscription = ordered(kit, "A0", "A1")
    kit.pull(subscription, 1)
    return kit.backlog(subscription)


def _goes_on(kit: Kit) -> list[str]:
    subscription = ordered(kit, "A0", "A1")
    kit.ack(subscription, *kit.pull(subscription, 1))
    return kit.backlog(subscription)


def _others_go_on(kit: Kit) -> list[str]:
    subscription = ordered(kit, "A0", "A1", "B0")
    kit.pull(subscription, 1)
    return kit.backlog(subscription)


def _all_again(kit: Kit) -> list[str]:
    subscription = ordered(kit, "A0", "A1", "A2")
    received = kit.pull_all(subscription, 3)
    kit.ack(subscription, received[0])
    kit.modify(subscription, 0, received[1])
    return texts(kit.pull_all(subscription, 2, within_s=3))


def _expired_again(kit: Kit) -> list[str]:
    subscription = ordered(kit, "A0", "A1", "A2")
    received = kit.pull_all(subscription, 3)
    kit.modify(subscription, 1, received[0])
    return texts(kit.pull_all(subscription, 3))


def _later_acked(kit: Kit) -> list[str]:
    """Redelivery of a message brings the later ones of its key again, even if they were acknowledged."""
    subscription = ordered(kit, "A0", "A1", "A2")
    received = kit.pull_all(subscription, 3)
    kit.ack(subscription, *received[1:])
    kit.modify(subscription, 0, received[0])
    return texts(kit.pull(subscription, timeout_s=3))[:1]


def _without_key(kit: Kit) -> Any:
    topic, subscription = kit.pair(enable_message_ordering=True)
    kit.publish(topic, "1", "2")
    return [texts(kit.pull(subscription, 1)) for _ in range(2)]


def _unordered(kit: Kit) -> Any:
    topic, subscription = kit.pair()
    keyed(kit, topic, "A0", "A1")
    return [texts(kit.pull(subscription, 1)) for _ in range(2)]


def _key_shown(kit: Kit) -> str:
    topic, subscription = kit.pair()
    keyed(kit, topic, "A0")
    return kit.pull(subscription)[0].message.ordering_key


CASES = [
    Case("each", "Two keys, three messages each", _each_in_order, (["A0", "A1", "A2"], ["B0", "B1", "B2"]), ORDERING),
    Case(
        "stream",
        "Two keys, five messages each, on a stream",
        _in_order_on_a_stream,
        ([f"A{n}" for n in range(5)], [f"B{n}" for n in range(5)]),
        ORDERING,
    ),
    Case("waits", "Pull while the first message of the key is out", _waits, [], ORDERING),
    Case("goes-on", "Pull when the first message of the key was acknowledged", _goes_on, ["A1"], ORDERING),
    Case("others", "Pull of another key while the first message of one is out", _others_go_on, ["B0"], ORDERING),
    Case(
        "all-again",
        "Three out, the first acknowledged, the second nacked: what comes again",
        _all_again,
        ["A1", "A2"],
        ORDERING,
        google=[],
    ),
    Case(
        "expired-again",
        "Three out, the first one's deadline passes: what comes again",
        _expired_again,
        ["A0", "A1", "A2"],
        ORDERING,
    ),
    Case(
        "later-acked",
        "Three out, the later two acknowledged, the first nacked: what comes first",
        _later_acked,
        ["A0"],
        ORDERING,
        google=[],
    ),
    Case("without-key", "Two pulls of one message each, without a key", _without_key, [["1"], ["2"]], ORDERING),
    Case(
        "unordered",
        "Two pulls of one message each, of one key, without enable_message_ordering",
        _unordered,
        [["A0"], ["A1"]],
        ORDERING,
    ),
    Case("key-shown", "The key, as a subscription without enable_message_ordering shows it", _key_shown, "A", FIELD),
]
