"""How many messages to hold: many while jobs are short, few while they are long. Pure.

Short jobs need many in hand, as each trip to the broker and to the store then carries many. Behind a long job they
would wait here, while another worker had a slot for them.
"""

import math
from dataclasses import dataclass

FEW, MANY = 32, 1000
"""Messages to be held beyond the jobs that run, unless somebody has said how many."""
_WORTH_S = 0.25
"""Of work to be held, for all slots together."""
_FULL = 0.5
"""The share of what may be held that must be in hand for more to be of use."""
_STEP = 2.0
_STALLED_S = 1.0
_LASTING_S = 1.0
"""For how long jobs must be long: one that took long makes no other long."""
_FIRST_REST_S, _LAST_REST_S = 2.0, 120.0
_PROVEN_S = 30.0
"""Held for so long, many were no mistake; after one, few are held for longer each time before many are tried again."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """How the jobs of a worker go.

    Attributes:
        mean_s: what one takes, by the latest of them.
        stalled_s: for how long every slot has been at the same job; 0 where one is free.
    """

    mean_s: float
    stalled_s: float


class Gears:
    """Chooses; belongs to one thread.

    Args:
        slots: how many jobs run at once.
        least: the fewest messages to be held, running jobs included.
        most: the most.
    """

    def __init__(self, slots: int, *, least: int, most: int) -> None:
        self._slots = slots
        self._least = least
        self._most = max(least, most)
        self._hold = least
        self._shifted_at = float("-inf")
        self._rest_s = 0.0
        self._slow_since = math.inf

    @property
    def hold(self) -> int:
        """How many are to be held."""
        return self._hold

    @property
    def is_low(self) -> bool:
        """Whether as few as possible are held."""
        return self._hold == self._least

    def shift(self, tempo: Tempo, *, held: int, now: float) -> bool:
        """Look at how jobs go; whether something else is to be held than before.

        Args:
            tempo: how they go.
            held: how many messages are in hand.
            now: seconds that only rise.
        """
        chosen = self._chosen(tempo, held, now)
        if chosen == self._hold:
            return False
        if chosen < self._hold:
            soon = now - self._shifted_at < _PROVEN_S
            self._rest_s = min(2 * self._rest_s, _LAST_REST_S) if soon and self._rest_s else _FIRST_REST_S
        self._hold, self._shifted_at = chosen, now
        return True

    def is_overfull(self, tempo: Tempo, *, held: int) -> bool:
        """Whether more is in hand than few, besides what runs, and waits for long jobs.

        Streams of before may have left it, and so may a claim that was made while jobs were short.
        """
        return self.is_low and tempo.stalled_s > _STALLED_S and held > self._least + self._slots

    def _chosen(self, tempo: Tempo, held: int, now: float) -> int:
        if tempo.stalled_s > _STALLED_S:
            return self._least
        worth = self._slots * _WORTH_S / max(tempo.mean_s, 1e-6)
        wanted = int(min(max(worth, self._least), self._most))
        rested = not self.is_low or now - self._shifted_at >= self._rest_s
        if wanted >= _STEP * self._hold and held >= _FULL * self._hold and rested:
            return wanted
        slow = wanted * _STEP * _STEP <= self._hold and held > wanted
        self._slow_since = min(self._slow_since, now) if slow else math.inf
        return self._least if now - self._slow_since > _LASTING_S else self._hold
