"""Deliveries that wait for their time, their leases kept meanwhile."""

import heapq
import itertools
from collections.abc import Callable

from pubsubctl.worker.delivery import Delivery

Then = Callable[[Delivery], None]


class Parking:
    """Not thread-safe: its owner holds a lock. Times are the owner's."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Delivery, Then]] = []
        self._order = itertools.count()

    def park(self, delivery: Delivery, until: float, then: Then) -> None:
        """Keep a delivery until its time has come; ``then`` is what to do with it."""
        heapq.heappush(self._waiting, (until, next(self._order), delivery, then))

    def due(self, now: float) -> list[tuple[Delivery, Then]]:
        """Take out those whose time has come."""
        found = []
        while self._waiting and self._waiting[0][0] <= now:
            _, _, delivery, then = heapq.heappop(self._waiting)
            found.append((delivery, then))
        return found

    def clear(self) -> list[Delivery]:
        """Take out all of them, in the order of their time."""
        found = sorted(self._waiting, key=lambda each: each[:2])
        self._waiting.clear()
        return [delivery for _, _, delivery, _ in found]
