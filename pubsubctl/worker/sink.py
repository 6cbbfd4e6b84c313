"""Where a puller takes messages to."""

from collections.abc import Sequence
from typing import Protocol

from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.gears import Tempo


class Sink(Protocol):
    """Where deliveries go; see ``Execution``."""

    def deliver(self, messages: Sequence[Arrival], stream: object) -> None:
        """Take messages, in the order in which they came."""

    def spare(self, stream: object, *, claimed: bool) -> None:
        """Give back what was not claimed, in no order that matters, but for what came by that stream.

        Args:
            stream: what came by it is kept; None: nothing is.
            claimed: give back what was claimed and has not begun, too, by whichever stream it came.
        """

    def drain(self, timeout_s: float) -> None:
        """Give back what has not begun, end what runs."""

    def running(self) -> int:
        """How many jobs run."""

    def is_hungry(self) -> bool:
        """Whether it could run more than it was given."""

    def thin_out(self, most_deliveries: float) -> int:
        """Give back some of what waits behind others of its ordering key; how many those were."""

    def tempo(self) -> Tempo:
        """How its jobs go."""
