"""Seek: to a time, forward and back, and what becomes of what is out."""

import datetime as dt
import time
from typing import Any

from harness.case import Case
from harness.expected import Refused
from harness.kit import Kit, texts
from harness.sources import REPLAY, UNDOCUMENTED, reference
from harness.waiting import eventually

from cases.retention import HOUR, acked, now, sought

SEEK = reference("Subscriber.Seek")
TIME = reference("SeekRequest.time")


def between(kit: Kit, topic: str) -> dt.datetime:
    """Publish 1 and 2, and return a time that surely lies between them."""
    kit.publish(topic, "1")
    later = time.monotonic() + 0.05
    eventually(lambda: time.monotonic() > later)
    middle = now()
    eventually(lambda: time.monotonic() > later + 0.05)
    kit.publish(topic, "2")
    return middle


def _to_between(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(retain_acked_messages=True)
    middle = between(kit, topic)
    acked(kit, subscription, 2)
    return sought(kit, subscription, time=middle)


def _backlog_to_between(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    return sought(kit, subscription, time=between(kit, topic))


def _purged(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, "1", "2")
    return sought(kit, subscription, time=now() + HOUR)


def _after_purge(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, "1")
    kit.call("Seek", subscription=subscription, time=now() + dt.timedelta(seconds=5))
    kit.publish(topic, "2")
    return kit.backlog(subscription)


def _purged_and_back(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(retain_acked_messages=True)
    kit.publish(topic, "1", "2")
    kit.call("Seek", subscription=subscription, time=now() + HOUR)
    return sought(kit, subscription, time=now() - HOUR)


def _out_purged(kit: Kit) -> list[str]:
    """What is out when it is purged does not come again after a nack."""
    topic, subscription = kit.pair()
    kit.publish(topic, "1")
    received = kit.pull(subscription)
    kit.call("Seek", subscription=subscription, time=now() + HOUR)
    kit.modify(subscription, 0, *received)
    return kit.backlog(subscription)


def _out_back(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, "1")
    kit.pull(subscription)
    return sought(kit, subscription, time=now() - HOUR)


def _backlog_back(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, "1", "2")
    return sought(kit, subscription, time=now() - HOUR)


def _acked_after(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(retain_acked_messages=True)
    kit.publish(topic, "1", "2")
    acked(kit, subscription, 2)
    kit.call("Seek", subscription=subscription, time=now() - HOUR)
    acked(kit, subscription, 2)
    return kit.backlog(subscription)


def _in_order(kit: Kit) -> list[str]:
    """Replayed messages of a key come in its order."""
    topic, subscription = kit.pair(retain_acked_messages=True, enable_message_ordering=True)
    for name in "abc":
        kit.publish(topic, name, ordering_key="k")
    for _ in range(3):
        kit.ack(subscription, *kit.pull_all(subscription, 1))
    kit.call("Seek", subscription=subscription, time=now() - HOUR)
    return texts(kit.pull_all(subscription, 3))


def _other_subscription(kit: Kit) -> Any:
    topic, first = kit.pair()
    second = kit.subscription(topic)
    kit.publish(topic, "1")
    kit.call("Seek", subscription=first, time=now() + HOUR)
    return kit.backlog(first), kit.backlog(second)


def _on_a_stream(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(retain_acked_messages=True)
    kit.publish(topic, "1")
    stream = kit.stream(subscription)
    kit.ack(subscription, stream.first())
    kit.call("Seek", subscription=subscription, time=now() - HOUR)
    return stream.data(2)


def _refused(id_: str, what: str, documented: Refused, source: str, **fields: Any) -> Case:
    def run(kit: Kit) -> str:
        request = {"subscription": kit.subscription(), **fields}
        return kit.ok("Seek", **request)

    return Case(id_, f"Seek {what}", run, documented, source)


def _missing(kit: Kit) -> str:
    return kit.ok("Seek", subscription=kit.name("subscriptions"), time=now())


CASES = [
    Case("between", "Two acknowledged and retained; sought to between them", _to_between, ["2"], TIME),
    Case("backlog-between", "Two not acknowledged; sought to between them", _backlog_to_between, ["2"], TIME),
    Case("purged", "Two not acknowledged; sought an hour forward", _purged, [], REPLAY),
    Case(
        "purged-and-back",
        "Retained; sought an hour forward, and then back",
        _purged_and_back,
        ["1", "2"],
        TIME,
        google=[],
    ),
    Case("out-purged", "One out; sought an hour forward; nacked", _out_purged, [], TIME),
    Case("out-back", "One out; sought an hour back", _out_back, ["1"], TIME),
    Case("backlog-back", "Two not acknowledged; sought an hour back", _backlog_back, ["1", "2"], TIME),
    Case("acked-after", "Replayed and acknowledged again", _acked_after, [], SEEK),
    Case("in-order", "Three of a key, replayed", _in_order, list("abc"), REPLAY, google=Refused("UNIMPLEMENTED")),
    Case("other-subscription", "Purged, and another subscription of the topic", _other_subscription, ([], ["1"]), SEEK),
    Case("stream", "A stream when its message is acknowledged and replayed", _on_a_stream, ["1", "1"], SEEK),
    Case("after-purge", "Sought 5 s forward; published then", _after_purge, ["2"], UNDOCUMENTED),
    Case("missing", "Seek of a subscription that does not exist", _missing, Refused("NOT_FOUND"), SEEK),
    _refused("no-target", "without a target", Refused("INVALID_ARGUMENT"), SEEK),
    _refused(
        "missing-snapshot",
        "to a snapshot that does not exist",
        Refused("NOT_FOUND"),
        SEEK,
        snapshot="projects/p/snapshots/none",
    ),
    _refused(
        "bad-snapshot", "to a snapshot named nonsense", Refused("INVALID_ARGUMENT"), UNDOCUMENTED, snapshot="nonsense"
    ),
]
