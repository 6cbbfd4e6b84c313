"""One delivery of a message, as the ledgers see it. Pure."""

from dataclasses import dataclass
from typing import NamedTuple


class Stamp(NamedTuple):
    """Which delivery of a message an ack id stands for: later ones are greater, over restarts and seeks too."""

    run: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it arrived.

    Attributes:
        message_id: the emulator's.
        own: ours.
        stamp: which delivery of the message this is.
        at: when it arrived, on the monotonic clock.
        asked_at: when the pull that brought it was sent; None for a stream.
        key: its ordering key.
        published_at: when it was published, in seconds since 1970.
        calm_life: in which life of the emulator it was sent, if that is known and no fault disturbs its deliveries.
    """

    message_id: int
    own: str
    stamp: Stamp
    at: float
    asked_at: float | None = None
    key: str = ""
    published_at: float = 0.0
    calm_life: int | None = None


@dataclass(frozen=True)
class Violation:
    """Something that must never happen."""

    where: str
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.what}"


def stamp_of(ack_id: str) -> Stamp:
    """What an ack id of the embedded emulator says: subscription-log-run-message-attempt."""
    _, _, run, _, attempt = ack_id.split("-")
    return Stamp(int(run), int(attempt))


def message_of(ack_id: str) -> int:
    """The id of the message that an ack id is for."""
    return int(ack_id.split("-")[3])
