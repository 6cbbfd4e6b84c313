"""Whose turn it is among the deliveries of an ordering key: one is in hand, the others wait until it is settled.

google-cloud-pubsub holds them back as well, but each of its streams does so for itself; and where delivery is exactly
once it stops caring for a message whose lease has lapsed, and hands on the next one while that one is still here.
"""

from collections import deque

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

    def clear(self) -> list[Delivery]:
        """Take out all that wait, those of a key in order."""
        found = [delivery for waiting in self._waiting.values() for delivery in waiting]
        self._waiting.clear()
        return found

    def forget(self, stream: object) -> None:
        """Take out what waits and came by a stream that has died."""
        for key, waiting in self._waiting.items():
            self._waiting[key] = deque(delivery for delivery in waiting if delivery.stream is not stream)
