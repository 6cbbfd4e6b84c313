"""The retry policy: how long a message waits before it comes again."""

import time
from typing import Any

from harness.case import Case
from harness.expected import Between
from harness.kit import Kit, seconds, texts
from harness.sources import RETRIES, reference

POLICY = reference("RetryPolicy")


def policy(least: float, most: float) -> dict[str, Any]:
    """A retry policy with these back-offs, in seconds."""
    return {"minimum_backoff": seconds(least), "maximum_backoff": seconds(most)}


def _gaps(kit: Kit, subscription: str, *deadlines: int) -> list[float]:
    """Seconds between a delivery whose deadline is set to this and the next."""
    gaps = []
    [received] = kit.pull(subscription)
    for deadline in deadlines:
        kit.modify(subscription, deadline, received)
        started = time.monotonic()
        [received] = kit.pull(subscription, timeout_s=8)
        gaps.append(time.monotonic() - started)
    return gaps


def _without(kit: Kit) -> Any:
    topic, subscription = kit.pair()
    kit.publish(topic, "x")
    return _gaps(kit, subscription, 0, 0)


def _nacked(kit: Kit) -> Any:
    topic, subscription = kit.pair(retry_policy=policy(1, 1.5))
    kit.publish(topic, "x")
    return _gaps(kit, subscription, 0, 0)


def _passed_deadline(kit: Kit) -> Any:
    """A deadline of one second, and then the back-off."""
    topic, subscription = kit.pair(retry_policy=policy(1.5, 1.5))
    kit.publish(topic, "x")
    return _gaps(kit, subscription, 1)


def _others(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(retry_policy=policy(60, 60))
    kit.publish(topic, "1")
    for _ in range(2):  # Google's emulator does not delay the first redelivery
        for received in kit.pull_now(subscription):
            kit.modify(subscription, 0, received)
    kit.publish(topic, "2")
    return texts(kit.pull(subscription))


def _first_nack(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(retry_policy=policy(60, 60))
    kit.publish(topic, "x")
    kit.modify(subscription, 0, *kit.pull(subscription))
    return kit.backlog(subscription)


def _of_each(kit: Kit) -> Any:
    """The back-off is each message's own: one that failed twice does not make another wait longer."""
    topic, subscription = kit.pair(retry_policy=policy(0, 0))
    kit.publish(topic, "x")
    return _gaps(kit, subscription, 0)


SOON, LATER, LAST = Between(0, 0.7), Between(0.8, 2.2), Between(1.2, 3)

CASES = [
    Case("without", "Seconds between deliveries after nacks, without a policy", _without, [SOON, SOON], RETRIES),
    Case(
        "nacked",
        "Seconds between deliveries after nacks, with a policy of 1 s to 1.5 s",
        _nacked,
        [LATER, LAST],
        POLICY,
        google=[SOON, Between(0, 3)],
    ),
    Case(
        "passed-deadline",
        "Seconds until redelivery after a deadline of 1 s, with a policy of 1.5 s",
        _passed_deadline,
        [Between(2, 4.5)],
        POLICY,
        google=[Between(0.5, 1.9)],
    ),
    Case("first-nack", "Pull after the first nack, with a policy of 60 s", _first_nack, [], POLICY, google=["x"]),
    Case("others", "Pull of another message while one waits for 60 s", _others, ["2"], RETRIES),
    Case("zero", "Seconds between deliveries with a policy of 0 s", _of_each, [SOON], POLICY),
]
