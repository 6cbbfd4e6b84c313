"""Stale acks: what an ack id is good for once its ack deadline has passed and its message was delivered again.

https://cloud.google.com/pubsub/docs/exactly-once-delivery
"""

import time

from pubsubctl.errors import BrokerError
from smoking.checking import CheckFailed, Limit
from smoking.inventory import ACK_DEADLINE_S
from smoking.mailbox import Mailbox, Received

_REFUSED = "INVALID_ACK_ID"


def stale(mailbox: Mailbox, limit: Limit, settle_s: float, *, exactly_once: bool) -> str:
    """Take a message, let its deadline pass, take it again, and acknowledge the first delivery.

    Args:
        mailbox: where.
        limit: how long all may take.
        settle_s: how long to look for the message beyond its ack deadline before it counts as gone.
        exactly_once: whether the ack has to be refused, and the message to come again.
    """
    mailbox.publish(1)
    (first,) = mailbox.take(limit, "the message", most=1)
    began = time.monotonic()
    second = mailbox.take(limit, f"the message again, whose ack deadline of {ACK_DEADLINE_S} s has passed", most=1)[0]
    lapsed_s, began = time.monotonic() - began, time.monotonic()
    if second.ack_id == first.ack_id:
        raise CheckFailed(f"delivered again after {lapsed_s:.1f} s with the same ack id: no ack is stale")
    answer = _answer(mailbox, first.ack_id)
    third = _comes(mailbox, limit, settle_s)
    waited_s = time.monotonic() - began
    if third is not None and (refused := mailbox.ack([third.ack_id])):
        raise CheckFailed(f"the ack of the latest delivery was refused: {', '.join(refused.values())}")
    fate = f"came again after {waited_s:.1f} s" if third is not None else f"was gone ({waited_s:.0f} s)"
    seen = f"again after {lapsed_s:.1f} s; stale ack: {answer or 'no error'}; the message {fate}"
    if exactly_once and (_REFUSED not in answer or third is None):
        raise CheckFailed(f"{seen}; it should have been refused ({_REFUSED}), and the message have come again")
    if answer and third is None:
        raise CheckFailed(f"{seen}: refused, and lost")
    return seen


def _answer(mailbox: Mailbox, ack_id: str) -> str:
    """What the service says to an ack, be it of this ack id or of the call; nothing where it has no objection."""
    try:
        return mailbox.ack([ack_id]).get(ack_id, "")
    except BrokerError as error:
        return str(error)


def _comes(mailbox: Mailbox, limit: Limit, settle_s: float) -> Received | None:
    """The message once more, unless it is gone."""
    until = time.monotonic() + ACK_DEADLINE_S + settle_s
    while time.monotonic() < until:
        limit.go_on("whether the message comes again")
        if found := mailbox.look(1):
            return found[0]
    return None
