"""Which messages of its topic a subscription has still to deliver."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field


def _none() -> array[int]:
    return array("Q")


@dataclass(frozen=True)
class Backlog:
    """Every message from id ``position`` on that is not among ``settled``, and before it those in ``unsettled``."""

    position: int
    unsettled: array[int] = field(default_factory=_none)
    settled: array[int] = field(default_factory=_none)

    def since(self, first: int) -> Backlog:
        """The same without the messages whose ids are below ``first``."""
        return Backlog(
            max(self.position, first),
            array("Q", [id_ for id_ in self.unsettled if id_ >= first]),
            array("Q", [id_ for id_ in self.settled if id_ >= first]),
        )

    def replayed_from(self, first: int) -> Backlog:
        """The same with every message from id ``first`` on, acknowledged or not."""
        position = min(self.position, first)
        return Backlog(
            position,
            array("Q", [id_ for id_ in self.unsettled if id_ < position]),
            array("Q", [id_ for id_ in self.settled if id_ < first]),
        )

    def oldest(self) -> int:
        """The lowest id that may be among them."""
        return min(self.unsettled, default=self.position)
