"""Whose turn it is among the deliveries of an ordering key: one is in hand, the others wait until it is settled.

A broker may send many messages of one key at once, and they count for it as held: one key with a long job, or with one
whose retry is due in ten minutes, would leave no room for the jobs of any other key, and slots idle. So some of those
that wait are given back where they are in the way.
"""

from collections import deque
from operator import itemgetter

from pubsubctl.worker.delivery import Delivery


class Turns:
    """Not thread-safe: its owner holds a lock. It is asked about deliveries with an ordering key only."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Delivery]] = {}

    def take(self, delivery: Delivery) -> bool:
        """Whether it is the delivery's turn at once; if not, it waits here."""
        key = delivery.message.ordering_key
        if key in self._waiting:
            self._waiting[key].append(delivery)
            return False
        self._waiting[key] = deque()
        return True

    def end(self, key: str) -> Delivery | None:
        """The delivery that had the turn is settled: the next one has it now."""
        waiting = self._waiting.get(key)
        if waiting:
            return waiting.popleft()
        self._waiting.pop(key, None)
        return None

    def thin_out(self, most_deliveries: float) -> list[Delivery]:
        """Take out half of those that wait, the ones that are furthest from their turn; those of a key in order.

        Args:
            most_deliveries: what was delivered more often is kept, since each delivery counts for the broker's own
                dead-letter policy.
        """
        lines = list(self._waiting.values())
        places = sorted(((place, line) for line in lines for place in range(len(line))), key=itemgetter(0))
        taken = []
        for _, line in places[len(places) // 2 :][::-1]:
            if line[-1].message.delivery_attempt <= most_deliveries:  # from the end: what stays must have no hole
                taken.append(line.pop())
        return taken[::-1]

    def leave(self, key: str) -> list[Delivery]:
        """Take out all that wait of a key, in order; the one that has the turn is not in hand any more."""
        return list(self._waiting.pop(key, ()))
