"""Acknowledge and ModifyAckDeadline: what ends a lease, what makes it longer, and what comes again."""

import time
from typing import Any

from harness.case import SAME, Case
from harness.expected import Between, Refused
from harness.kit import Kit, texts
from harness.sources import UNDOCUMENTED, reference

ACK = reference("Subscriber.Acknowledge")
ACK_IDS = reference("AcknowledgeRequest.ack_ids")
MODIFY = reference("ModifyAckDeadlineRequest.ack_deadline_seconds")


def one_out(kit: Kit, **settings: Any) -> tuple[str, Any]:
    """A subscription, and its only message, which is out."""
    topic, subscription = kit.pair(**settings)
    kit.publish(topic, "x")
    return subscription, kit.pull(subscription)[0]


def again_after(kit: Kit, subscription: str) -> float:
    """Seconds until a message comes; 99 if none does."""
    started = time.monotonic()
    return time.monotonic() - started if kit.pull(subscription, timeout_s=8) else 99


def _arguments(id_: str, what: str, documented: object, source: str, rpc: str, **fields: Any) -> Case:
    """An RPC on a subscription with nothing out."""

    def run(kit: Kit) -> str:
        subscription = kit.subscription() if id_ != "missing" else kit.name("subscriptions")
        return kit.ok(rpc, subscription=subscription, **fields)

    return Case(f"{rpc}-{id_}", f"{rpc} {what}", run, documented, source)


def _deadline(number: int, documented: object, google: object = SAME) -> Case:
    def run(kit: Kit) -> str:
        subscription, message = one_out(kit)
        return kit.modify(subscription, number, message)

    return Case(f"deadline-{number}", f"ModifyAckDeadline to {number} s", run, documented, MODIFY, google=google)


def _acked(kit: Kit) -> list[str]:
    subscription, message = one_out(kit)
    kit.ack(subscription, message)
    return kit.backlog(subscription)


def _twice(kit: Kit) -> str:
    subscription, message = one_out(kit)
    kit.ack(subscription, message)
    return kit.ack(subscription, message)


def _nacked(kit: Kit) -> list[str]:
    subscription, message = one_out(kit)
    kit.modify(subscription, 0, message)
    return texts(kit.pull(subscription))


def _nack_after_ack(kit: Kit) -> list[str]:
    subscription, message = one_out(kit)
    kit.ack(subscription, message)
    kit.modify(subscription, 0, message)
    return kit.backlog(subscription)


def _same_message(kit: Kit) -> Any:
    subscription, first = one_out(kit)
    kit.modify(subscription, 0, first)
    [second] = kit.pull(subscription)
    return second.message == first.message, second.ack_id == first.ack_id


def _shortened(kit: Kit) -> float:
    subscription, message = one_out(kit, ack_deadline_seconds=600)
    kit.modify(subscription, 1, message)
    return again_after(kit, subscription)


def _extended(kit: Kit) -> list[str]:
    """A lease of one second, made longer before it ends, is not over after two."""
    subscription, message = one_out(kit)
    kit.modify(subscription, 1, message)
    kit.modify(subscription, 60, message)
    kit.pull(kit.subscription(), timeout_s=3)
    return kit.backlog(subscription)


def _late(kit: Kit) -> list[str]:
    """Acknowledged when its deadline has passed and it is not out again."""
    subscription, message = one_out(kit)
    kit.modify(subscription, 1, message)
    kit.pull(kit.subscription(), timeout_s=3)
    kit.ack(subscription, message)
    return kit.backlog(subscription)


def _old_ack_id(kit: Kit) -> Any:
    """The ack id of an earlier delivery is taken, and does not settle the later one."""
    subscription, first = one_out(kit)
    kit.modify(subscription, 0, first)
    [second] = kit.pull(subscription)
    answer = kit.ack(subscription, first)
    kit.modify(subscription, 0, second)
    return answer, kit.backlog(subscription)


def _of_another(kit: Kit) -> Any:
    topic, first = kit.pair()
    second = kit.subscription(topic)
    kit.publish(topic, "x")
    [message] = kit.pull(first)
    return kit.ack(second, message)


def _ack_of_one_leaves_the_other(kit: Kit) -> list[str]:
    topic, first = kit.pair()
    second = kit.subscription(topic)
    kit.publish(topic, "x")
    kit.ack(first, *kit.pull(first))
    return kit.backlog(second)


def _several(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, *"abcd")
    received = kit.pull_all(subscription, 4)
    kit.ack(subscription, *received[:2])
    kit.modify(subscription, 0, *received)
    return sorted(texts(kit.pull_all(subscription, 2)))


def _one_wrong(kit: Kit) -> list[str]:
    subscription, message = one_out(kit)
    kit.refusal("Acknowledge", subscription=subscription, ack_ids=[message.ack_id, "garbage"])
    kit.modify(subscription, 0, message)
    return kit.backlog(subscription)


GARBAGE = Refused("INVALID_ARGUMENT", "garbage")

CASES = [
    Case("acked", "Pull after an ack", _acked, [], ACK),
    Case("twice", "Acknowledge twice", _twice, "OK", ACK),
    Case("several", "Four messages, two acknowledged, all nacked: what comes again", _several, ["c", "d"], ACK),
    Case(
        "of-one-subscription",
        "Pull from a second subscription when the first one's is acknowledged",
        _ack_of_one_leaves_the_other,
        ["x"],
        ACK,
    ),
    Case("nacked", "Pull after a nack", _nacked, ["x"], MODIFY),
    Case("nack-after-ack", "Pull after an ack and a nack of it", _nack_after_ack, [], ACK),
    Case(
        "again-same-message",
        "A second delivery: is the message the same, and is the ack id?",
        _same_message,
        (True, False),
        reference("ReceivedMessage.ack_id"),
    ),
    Case("shortened", "Seconds until redelivery, when the deadline was made 1 s", _shortened, Between(0.5, 4), MODIFY),
    Case("extended", "Pull 2 s later, when the deadline was made 1 s and then 60 s", _extended, [], MODIFY),
    Case("late", "Pull after an ack that came 1 s after the deadline", _late, [], ACK),
    Case(
        "old-ack-id",
        "Ack with the id of an earlier delivery; what comes again when the later one is nacked",
        _old_ack_id,
        ("OK", ["x"]),
        ACK,
    ),
    Case(
        "of-another", "Ack with an id of another subscription", _of_another, Refused("INVALID_ARGUMENT"), UNDOCUMENTED
    ),
    Case(
        "one-wrong",
        "A message acknowledged together with garbage, then nacked: what comes again",
        _one_wrong,
        ["x"],
        UNDOCUMENTED,
    ),
    _deadline(-1, Refused("INVALID_ARGUMENT")),
    _deadline(600, "OK"),
    _deadline(601, Refused("INVALID_ARGUMENT"), google="OK"),
    _arguments("none", "without ids", Refused("INVALID_ARGUMENT"), ACK_IDS, "Acknowledge"),
    _arguments("garbage", "of garbage", GARBAGE, UNDOCUMENTED, "Acknowledge", ack_ids=["garbage"]),
    _arguments("empty", "of an empty id", Refused("INVALID_ARGUMENT"), UNDOCUMENTED, "Acknowledge", ack_ids=[""]),
    _arguments(
        "missing", "on a subscription that does not exist", Refused("NOT_FOUND"), ACK, "Acknowledge", ack_ids=["x"]
    ),
    _arguments(
        "none", "without ids", Refused("INVALID_ARGUMENT"), MODIFY, "ModifyAckDeadline", ack_deadline_seconds=10
    ),
    _arguments(
        "garbage",
        "of garbage",
        GARBAGE,
        UNDOCUMENTED,
        "ModifyAckDeadline",
        ack_ids=["garbage"],
        ack_deadline_seconds=10,
    ),
    _arguments(
        "missing",
        "on a subscription that does not exist",
        Refused("NOT_FOUND"),
        MODIFY,
        "ModifyAckDeadline",
        ack_ids=["x"],
        ack_deadline_seconds=10,
    ),
]
