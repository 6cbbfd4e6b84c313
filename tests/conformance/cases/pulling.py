"""Pull: what it takes, how it waits, and what it gives."""

import threading
import time
from typing import Any

from harness.case import SAME, Case
from harness.expected import Refused
from harness.kit import Kit, texts
from harness.sources import REPORTED, UNDOCUMENTED, reference

PULL = reference("PullRequest")
MAX_MESSAGES = reference("PullRequest.max_messages")
IMMEDIATELY = reference("PullRequest.return_immediately")
ACK_DEADLINE = reference("Subscription.ack_deadline_seconds")


def _max_messages(number: int, google: object = SAME) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok("Pull", subscription=kit.subscription(), max_messages=number, return_immediately=True)

    what = f"Pull with max_messages {number}"
    return Case(
        f"max-messages-{number}", what, run, Refused("INVALID_ARGUMENT", "max_messages"), MAX_MESSAGES, google=google
    )


def _up_to(kit: Kit) -> Any:
    topic, subscription = kit.pair()
    kit.publish(topic, *"abcdefgh")
    return [len(kit.pull_now(subscription, 3)) <= 3 for _ in range(4)]


def _order(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, *"abcde")
    return texts(kit.pull_all(subscription, 5))


def _leased(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, "x")
    kit.pull(subscription)
    return kit.backlog(subscription)


def _wakes(kit: Kit) -> Any:
    topic, subscription = kit.pair()
    publishing = threading.Timer(0.2, kit.publish, (topic, "x"))
    publishing.start()
    started = time.monotonic()
    got = texts(kit.pull(subscription, timeout_s=10))
    publishing.join()
    return got, time.monotonic() - started < 3


def _empty(kit: Kit) -> Any:
    """An answer in time, though there is nothing to give."""
    return texts(kit.pull(kit.subscription(), timeout_s=2))


def _immediately(kit: Kit) -> Any:
    subscription = kit.subscription()
    started = time.monotonic()
    return kit.pull_now(subscription), time.monotonic() - started < 1


def _delivery_attempt(kit: Kit) -> int:
    topic, subscription = kit.pair()
    kit.publish(topic, "x")
    return kit.pull(subscription)[0].delivery_attempt


def _two_pulls(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, *"abcd")
    return sorted(texts(kit.pull_now(subscription, 2)) + texts(kit.pull_now(subscription, 10)))


def _missing(kit: Kit) -> str:
    return kit.ok("Pull", subscription=kit.name("subscriptions"), max_messages=1)


def _bad_name(kit: Kit) -> str:
    return kit.ok("Pull", subscription="zz", max_messages=1)


def _push_subscription(kit: Kit) -> list[str]:
    subscription = kit.subscription(push_config={"push_endpoint": "http://127.0.0.1:1/x"})
    return texts(kit.pull_now(subscription))


CASES = [
    _max_messages(0),
    _max_messages(-1, google="OK"),
    Case("up-to", "Four pulls of at most 3 from 8: is no more given?", _up_to, [True] * 4, MAX_MESSAGES),
    Case("order", "Messages without an ordering key, in the order they come", _order, list("abcde"), UNDOCUMENTED),
    Case("leased", "A second pull while the message is out", _leased, [], ACK_DEADLINE),
    Case("two-pulls", "Two pulls that share a backlog", _two_pulls, list("abcd"), ACK_DEADLINE),
    Case("wakes", "Pull before the message is published: what comes, and at once?", _wakes, (["x"], True), IMMEDIATELY),
    Case("empty", "Pull of nothing with a deadline of 2 s: answered in time?", _empty, [], IMMEDIATELY),
    Case("immediately", "Pull of nothing with return_immediately: within 1 s?", _immediately, ([], True), IMMEDIATELY),
    Case(
        "delivery-attempt",
        "The delivery attempt without a dead-letter policy",
        _delivery_attempt,
        0,
        reference("ReceivedMessage.delivery_attempt"),
    ),
    Case("missing", "Pull from a subscription that does not exist", _missing, Refused("NOT_FOUND"), PULL),
    Case("bad-name", "Pull from a name that is none", _bad_name, Refused("INVALID_ARGUMENT", "zz"), UNDOCUMENTED),
    Case(
        "push", "Pull from a push subscription", _push_subscription, Refused("FAILED_PRECONDITION"), REPORTED, google=[]
    ),
]
