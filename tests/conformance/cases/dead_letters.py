"""Dead letters: when a message becomes one, and what the letter says."""

import re
from typing import Any

from harness.case import Case
from harness.expected import Refused
from harness.kit import Kit, mask, texts
from harness.sources import DEAD_LETTERS, reference

POLICY = reference("DeadLetterPolicy")
ATTEMPT = reference("ReceivedMessage.delivery_attempt")
PREFIX = "CloudPubSubDeadLetterSource"


def dead_letter_pair(kit: Kit, attempts: int = 5, **settings: Any) -> tuple[str, str, str]:
    """A topic, its subscription, and the subscription to its dead letters."""
    dead = kit.topic()
    letters = kit.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": attempts}
    topic, subscription = kit.pair(dead_letter_policy=policy, **settings)
    return topic, subscription, letters


def nacked(kit: Kit, subscription: str, count: int) -> list[int]:
    """The delivery attempts of that many deliveries, all nacked."""
    attempts = []
    for _ in range(count):
        received = kit.pull(subscription, timeout_s=3)
        attempts += [one.delivery_attempt for one in received]
        for one in received:
            kit.modify(subscription, 0, one)
    return attempts


def given_up(kit: Kit, subscription: str, attempts: int = 5) -> list[int]:
    """The same, and one pull more: Google's emulator makes a letter of what it would else deliver once more."""
    got = nacked(kit, subscription, attempts)
    kit.backlog(subscription)
    return got


def _letter(kit: Kit) -> Any:
    """The letter's message, of one that was nacked five times; and the subscription's id."""
    topic, subscription, letters = dead_letter_pair(kit)
    kit.call("Publish", topic=topic, messages=[{"data": b"x", "attributes": {"k": "v"}, "ordering_key": "key"}])
    given_up(kit, subscription)
    return kit.pull(letters)[0].message, subscription.rsplit("/", 1)[1]


def _attempts(kit: Kit) -> list[int]:
    topic, subscription, _ = dead_letter_pair(kit)
    kit.publish(topic, "x")
    return nacked(kit, subscription, 5)


def _gone(kit: Kit) -> list[str]:
    topic, subscription, letters = dead_letter_pair(kit)
    kit.publish(topic, "x")
    given_up(kit, subscription)
    kit.pull(letters)
    return kit.backlog(subscription)


def _data(kit: Kit) -> Any:
    message, _ = _letter(kit)
    return message.data, message.attributes["k"]


def _told(kit: Kit) -> Any:
    message, subscription = _letter(kit)
    told = {name.removeprefix(PREFIX): value for name, value in message.attributes.items() if name.startswith(PREFIX)}
    return (
        told.get("DeliveryCount"),
        told.get("Subscription") == subscription,
        told.get("SubscriptionProject") == kit.project,
        bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", told.get("TopicPublishTime", ""))),
    )


def _six(kit: Kit) -> Any:
    topic, subscription, letters = dead_letter_pair(kit, attempts=6)
    kit.publish(topic, "x")
    return given_up(kit, subscription, 6), texts(kit.pull(letters))


def _passed_deadline(kit: Kit) -> Any:
    """The pull afterwards is what makes Google's emulator look."""
    topic, subscription, letters = dead_letter_pair(kit)
    kit.publish(topic, "x")
    attempts = nacked(kit, subscription, 4)
    [received] = kit.pull(subscription)
    kit.modify(subscription, 1, received)
    return [*attempts, received.delivery_attempt], texts(kit.pull(subscription, timeout_s=3)), texts(kit.pull(letters))


def _acked_in_time(kit: Kit) -> Any:
    topic, subscription, letters = dead_letter_pair(kit)
    kit.publish(topic, "x")
    nacked(kit, subscription, 4)
    kit.ack(subscription, *kit.pull(subscription))
    return kit.backlog(subscription), kit.backlog(letters)


def _topic_deleted(kit: Kit) -> list[int]:
    topic, subscription, letters = dead_letter_pair(kit)
    kit.publish(topic, "x")
    kit.call("DeleteTopic", topic=kit.get(letters).topic)
    return nacked(kit, subscription, 7)


def _policy_removed(kit: Kit) -> Any:
    topic, subscription, letters = dead_letter_pair(kit)
    kit.publish(topic, "x")
    nacked(kit, subscription, 3)
    named = {"name": subscription}
    kit.call("UpdateSubscription", subscription=named, update_mask=mask("dead_letter_policy"))
    return nacked(kit, subscription, 4), kit.backlog(letters)


def _streamed(kit: Kit) -> Any:
    topic, subscription, letters = dead_letter_pair(kit)
    kit.publish(topic, "x")
    stream = kit.stream(subscription)
    for count in range(1, 6):
        stream.data(count)
        stream.modify(0, stream.received[-1])
    return [one.delivery_attempt for one in stream.received], texts(kit.pull(letters))


def _others_stay(kit: Kit) -> Any:
    topic, subscription, letters = dead_letter_pair(kit)
    kit.publish(topic, "bad")
    given_up(kit, subscription)
    kit.publish(topic, "good")
    return kit.backlog(subscription), texts(kit.pull(letters))


def _own_topic(kit: Kit) -> str:
    """Its own topic as the dead-letter topic: the letter comes round again, as a message of its own."""
    topic = kit.topic()
    subscription = kit.subscription(topic, dead_letter_policy={"dead_letter_topic": topic})
    kit.publish(topic, "x")
    nacked(kit, subscription, 5)
    return texts(kit.pull(subscription, timeout_s=2))[0]


CASES = [
    Case("attempts", "Delivery attempts of five deliveries that are nacked", _attempts, [1, 2, 3, 4, 5], ATTEMPT),
    Case("gone", "What the subscription has of a message that became a dead letter", _gone, [], DEAD_LETTERS),
    Case("data", "Data and attribute of the dead letter", _data, (b"x", "v"), DEAD_LETTERS),
    Case(
        "told",
        "What the letter tells: delivery count; subscription, its project and the publish time as they should be?",
        _told,
        ("5", True, True, True),
        DEAD_LETTERS,
    ),
    Case("six", "max_delivery_attempts 6: the attempts, and the letter", _six, ([1, 2, 3, 4, 5, 6], ["x"]), POLICY),
    Case(
        "passed-deadline",
        "Nacked four times, then the deadline passes: the attempts, what is left, and the letter",
        _passed_deadline,
        ([1, 2, 3, 4, 5], [], ["x"]),
        POLICY,
    ),
    Case(
        "acked-in-time",
        "Nacked four times, then acknowledged: what is left, and the letter",
        _acked_in_time,
        ([], []),
        POLICY,
    ),
    Case(
        "topic-deleted",
        "Delivery attempts when the dead-letter topic was deleted",
        _topic_deleted,
        [1, 2, 3, 4, 5, 6, 7],
        DEAD_LETTERS,
    ),
    Case(
        "policy-removed",
        "Delivery attempts after the policy was removed, and the letters",
        _policy_removed,
        ([0, 0, 0, 0], []),
        ATTEMPT,
    ),
    Case("stream", "Nacked on a stream: the attempts, and the letter", _streamed, ([1, 2, 3, 4, 5], ["x"]), ATTEMPT),
    Case(
        "others",
        "A dead letter and a later message: what is left, and the letter",
        _others_stay,
        (["good"], ["bad"]),
        POLICY,
    ),
    Case(
        "own-topic",
        "A dead-letter topic that is the subscription's own: what comes",
        _own_topic,
        "x",
        POLICY,
        google=Refused("DEADLINE_EXCEEDED"),
    ),
]
