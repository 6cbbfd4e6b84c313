"""When the store's leases can be believed.

A lease that has run out says that its worker has died, or that nobody could renew it: the store was away for everybody,
or the machine's clock, by which a SQLite store tells the time, was set forward (or the machine slept, which its steady
clock does not count). Then workers that live need a moment to renew what they run; whoever acts on leases before that
takes jobs from them, which then run twice. Whether the store can be written to is known from our own renewals.
"""

import logging
import math
import time
from collections.abc import Callable

_log = logging.getLogger("pubsubctl.worker")

DOUBT_S = 5.0
"""A worker renews what it runs within a second after it can."""

_LATE_S = 2.0
_MOVED_S = 2.0
"""Clocks that are kept right are slewed, or corrected by less."""


class Credence:
    """Tells whether a lease that has run out was given up. Belongs to one thread.

    Args:
        renewed_at: by the steady clock, when this worker's keeper renewed its leases last.
        every_s: how often it does.
        wall: the clock that may be moved.
        steady: seconds that only rise.
    """

    def __init__(
        self,
        renewed_at: Callable[[], float],
        every_s: float,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._renewed_at = renewed_at
        self._latest_s = every_s + _LATE_S
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()
        self._until = -math.inf

    def holds(self) -> bool:
        """Whether leases can be believed now; looks at the clocks, so it is to be called every second or so."""
        now = self._steady()
        if self._clock_was_moved() or now - self._renewed_at() > self._latest_s:
            self._until = now + DOUBT_S
        return now >= self._until

    def _clock_was_moved(self) -> bool:
        offset = self._wall() - self._steady()
        by, self._offset = offset - self._offset, offset
        if abs(by) > _MOVED_S:
            _log.warning("the clock was moved by %+.0f s; leases are given a moment to be renewed", by)
            return True
        return False
