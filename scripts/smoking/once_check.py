"""Exactly-once delivery: what was acknowledged, and confirmed to be, never comes again.

https://cloud.google.com/pubsub/docs/exactly-once-delivery
"""

import time
from statistics import median

from smoking.checking import CheckFailed, Limit
from smoking.inventory import ACK_DEADLINE_S
from smoking.mailbox import Mailbox, Received

MESSAGES = 200
_AT_ONCE = 10
_TRANSIENT = "TRANSIENT_"


def once(mailbox: Mailbox, limit: Limit, settle_s: float) -> str:
    """Acknowledge all, ten a call, and look for longer than an ack deadline whether any comes again."""
    mailbox.publish(MESSAGES)
    confirmed: set[str] = set()
    calls_s: list[float] = []
    refused = 0
    while len(confirmed) < MESSAGES:
        came = mailbox.take(limit, f"{MESSAGES} messages, of which {len(confirmed)} came", most=_AT_ONCE)
        _check_new(came, confirmed)
        began = time.monotonic()
        failed = _acknowledged(mailbox, came, limit)
        calls_s.append(time.monotonic() - began)
        refused += len(failed)
        confirmed |= {each.message_id for each in came if each.ack_id not in failed}
    until = time.monotonic() + ACK_DEADLINE_S + settle_s
    while time.monotonic() < until:
        limit.go_on("whether any comes again")
        _check_new(mailbox.look(), confirmed)
    return (
        f"{MESSAGES} acks confirmed, {_AT_ONCE} a call: p50 {1000 * median(calls_s):.1f} ms, longest "
        f"{1000 * max(calls_s):.0f} ms; {refused} refused; none came again within {ACK_DEADLINE_S + settle_s:.0f} s"
    )


def _check_new(came: list[Received], confirmed: set[str]) -> None:
    if again := [each.number for each in came if each.message_id in confirmed]:
        raise CheckFailed(f"came again though its ack was confirmed: message {', '.join(map(str, again))}")


def _acknowledged(mailbox: Mailbox, came: list[Received], limit: Limit) -> set[str]:
    """Acknowledge until each is confirmed, or refused for good; the ack ids of the latter."""
    pending, refused = [each.ack_id for each in came], set[str]()
    while pending:
        failed = mailbox.ack(pending)
        refused |= {ack_id for ack_id, why in failed.items() if not why.startswith(_TRANSIENT)}
        pending = [ack_id for ack_id, why in failed.items() if why.startswith(_TRANSIENT)]
        if pending:
            limit.pause(0.5, "acks that are confirmed")
    return refused
