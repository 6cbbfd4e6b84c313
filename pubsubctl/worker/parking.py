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
        """Take out all of them."""
        return [delivery for _, _, delivery, _ in self._take(lambda _: True)]

    def forget(self, stream: object) -> list[Delivery]:
        """Take out what came by a stream that has died."""
        return [delivery for _, _, delivery, _ in self._take(lambda each: each.stream is stream)]

    def _take(self, wanted: Callable[[Delivery], bool]) -> list[tuple[float, int, Delivery, Then]]:
        """Take some out, in the order of their time."""
        if not self._waiting:
            return []
        found = sorted((each for each in self._waiting if wanted(each[2])), key=lambda each: each[:2])
        if found:
            self._waiting = [each for each in self._waiting if not wanted(each[2])]
            heapq.heapify(self._waiting)
        return found
