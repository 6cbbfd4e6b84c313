"""What goes into the log in one transaction, and who is told about it."""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

Done = Callable[[BaseException | None], object]


@dataclass
class Sweep:
    """Delete rows of a topic that no subscription needs.

    That is those with ids under ``below`` and none of ``kept`` (rising) that were written before ``before_s`` (seconds
    since 1970). At most ``limit`` rows from id ``start`` on are looked at, so that no transaction takes long; then
    ``start`` is where to go on, or None at the end.
    """

    topic: int
    start: int | None
    below: int
    kept: list[int]
    before_s: float = math.inf
    limit: int = 200

    def keeps(self, first: int, last: int) -> bool:
        """Whether one of the ids from ``first`` to ``last`` is still needed."""
        index = bisect.bisect_left(self.kept, first)
        return index < len(self.kept) and self.kept[index] <= last


@dataclass
class Group:
    """One transaction.

    ``moved`` are acks of messages whose dead letters are among ``messages``: one is not written without the other.
    ``positions`` has, by subscription, its new position and the packed ids below it that are unsettled.
    ``last`` are statements that come after the acks: they undo what was acknowledged before.
    ``shrink`` asks for some of the file's free room to be given back, and tells afterwards whether there is more.
    ``written`` hears of everything but the acks, ``acknowledged`` of these.
    """

    time_s: int = 0
    next_message: int = 0
    statements: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    messages: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    acks: dict[int, array[int]] = field(default_factory=dict)
    moved: dict[int, array[int]] = field(default_factory=dict)
    positions: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    last: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    shrink: bool = False
    written: list[Done] = field(default_factory=list)
    acknowledged: list[Done] = field(default_factory=list)

    def add_acks(self, subscription: int, ids: array[int]) -> None:
        """Acknowledge more messages."""
        known = self.acks.get(subscription)
        if known is None:
            self.acks[subscription] = ids
        else:
            known.extend(ids)

    def only_acks(self) -> Group:
        """The acks alone: these free room, so they may be written where the whole group cannot."""
        return Group(time_s=self.time_s, acks=self.acks, positions=self.positions, sweeps=self.sweeps)
