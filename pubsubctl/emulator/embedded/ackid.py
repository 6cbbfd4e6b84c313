"""What an ack id says: the subscription, the log, the run of the broker, the message, and which delivery of it."""

import re
from dataclasses import dataclass

from pubsubctl.emulator.embedded.status import invalid

_FORM = re.compile(r"(\d{1,18})-(\d{1,18})-(\d{1,18})-(\d{1,18})-(\d{1,18})")


@dataclass(frozen=True)
class AckId:
    """The parts of an ack id."""

    subscription: int
    log: int
    run: int
    message_id: int
    attempt: int


class Misdirected(Exception):
    """An ack id that was given out by another subscription."""

    def __init__(self, ack_id: str, subscription: int) -> None:
        super().__init__(ack_id)
        self.ack_id = ack_id
        self.subscription = subscription


def prefix(subscription: int, log: int, run: int) -> str:
    """What every ack id given out by a subscription in one run of the broker begins with."""
    return f"{subscription}-{log}-{run}-"


def parse(ack_id: str, own_prefix: str) -> AckId | None:
    """Read an ack id that leases nothing now; None if it is of another log, whose numbers mean nothing here.

    Raises:
        Refusal: INVALID_ARGUMENT: it has not the form of an ack id.
        Misdirected: it belongs to another subscription.
    """
    match = _FORM.fullmatch(ack_id)
    if match is None:
        raise invalid(f"Invalid ack id (ack_id={ack_id})")
    parsed = AckId(*map(int, match.groups()))
    subscription, log = map(int, own_prefix.split("-")[:2])
    if parsed.log != log:
        return None
    if parsed.subscription != subscription:
        raise Misdirected(ack_id, parsed.subscription)
    return parsed
