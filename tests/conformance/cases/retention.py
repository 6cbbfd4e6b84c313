"""What is kept of acknowledged messages, by the subscription and by the topic."""

import datetime as dt
from typing import Any

from harness.case import Case
from harness.kit import Kit, mask, seconds
from harness.sources import REPLAY, reference

HOUR = dt.timedelta(hours=1)
RETAIN = reference("Subscription.retain_acked_messages")
TOPIC = reference("Topic.message_retention_duration")


def now() -> dt.datetime:
    """The time, with its zone."""
    return dt.datetime.now(dt.UTC)


def acked(kit: Kit, subscription: str, count: int) -> None:
    """Acknowledge that many messages."""
    kit.ack(subscription, *kit.pull_all(subscription, count))


def sought(kit: Kit, subscription: str, **target: Any) -> list[str]:
    """What there is after a Seek."""
    kit.call("Seek", subscription=subscription, **target)
    return kit.backlog(subscription)


def _acked_then_back(kit: Kit, topic: str, subscription: str) -> list[str]:
    kit.publish(topic, "1", "2")
    acked(kit, subscription, 2)
    return sought(kit, subscription, time=now() - HOUR)


def _not_retained(kit: Kit) -> list[str]:
    return _acked_then_back(kit, *kit.pair())


def _retained(kit: Kit) -> list[str]:
    return _acked_then_back(kit, *kit.pair(retain_acked_messages=True))


def _not_before_seek(kit: Kit) -> list[str]:
    """What is retained is not delivered unless it is asked for."""
    topic, subscription = kit.pair(retain_acked_messages=True)
    kit.publish(topic, "1")
    acked(kit, subscription, 1)
    return kit.backlog(subscription)


def _by_the_topic(kit: Kit) -> list[str]:
    topic = kit.topic(message_retention_duration=seconds(3600))
    return _acked_then_back(kit, topic, kit.subscription(topic))


def _before_the_subscription(kit: Kit) -> list[str]:
    topic = kit.topic(message_retention_duration=seconds(3600))
    kit.publish(topic, "1")
    return sought(kit, kit.subscription(topic), time=now() - HOUR)


def _not_unasked(kit: Kit) -> list[str]:
    topic = kit.topic(message_retention_duration=seconds(3600))
    kit.publish(topic, "1")
    return kit.backlog(kit.subscription(topic))


def _switched_on(kit: Kit) -> bool:
    """What was acknowledged before may be there still, or not."""
    topic, subscription = kit.pair()
    kit.publish(topic, "1")
    acked(kit, subscription, 1)
    named = {"name": subscription, "retain_acked_messages": True}
    kit.call("UpdateSubscription", subscription=named, update_mask=mask("retain_acked_messages"))
    kit.publish(topic, "2")
    acked(kit, subscription, 1)
    return "2" in sought(kit, subscription, time=now() - HOUR)


def _of_one(kit: Kit) -> Any:
    topic, first = kit.pair(retain_acked_messages=True)
    second = kit.subscription(topic)
    kit.publish(topic, "1")
    acked(kit, first, 1)
    acked(kit, second, 1)
    return [sought(kit, subscription, time=now() - HOUR) for subscription in (first, second)]


CASES = [
    Case("not-retained", "Two acknowledged; sought an hour back", _not_retained, [], RETAIN),
    Case(
        "retained", "Two acknowledged, with retain_acked_messages; sought an hour back", _retained, ["1", "2"], RETAIN
    ),
    Case("not-before-seek", "Retained, without a seek", _not_before_seek, [], RETAIN),
    Case(
        "topic",
        "Two acknowledged on a topic that retains messages; sought an hour back",
        _by_the_topic,
        ["1", "2"],
        TOPIC,
    ),
    Case(
        "before-the-subscription",
        "Published on a topic that retains messages before the subscription was made; sought an hour back",
        _before_the_subscription,
        ["1"],
        REPLAY,
    ),
    Case(
        "not-unasked",
        "Published on a topic that retains messages before the subscription was made; no seek",
        _not_unasked,
        [],
        REPLAY,
        google=["1"],
    ),
    Case(
        "switched-on",
        "retain_acked_messages switched on, then an ack; sought an hour back: is the message there?",
        _switched_on,
        documented=True,
        source=RETAIN,
    ),
    Case(
        "of-one",
        "Two subscriptions, one with retain_acked_messages; both sought an hour back",
        _of_one,
        [["1"], []],
        RETAIN,
    ),
]
