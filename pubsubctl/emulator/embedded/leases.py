"""The leases of one subscription: which message each ack id stands for, and when each ends."""

import heapq
import math

from pubsubctl.emulator.embedded.message import Message

TICKS_PER_SECOND = 100


class Leases:
    """Ack ids, and the ticks at which they end.

    Leases that end in the same tick share one dictionary and one place in the heap. Renewing or ending a lease
    takes it out of its tick at once, so that a settled message is not kept in memory until its deadline.
    """

    def __init__(self) -> None:
        self._by_ack_id: dict[str, Message] = {}
        self._by_tick: dict[int, dict[int, Message]] = {}
        self._ticks: list[int] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self._by_ack_id)

    def get(self, ack_id: str) -> Message | None:
        """The message that ``ack_id`` leases now."""
        return self._by_ack_id.get(ack_id)

    def messages(self) -> list[Message]:
        """All that are leased."""
        return list(self._by_ack_id.values())

    def add(self, message: Message, deadline: float) -> None:
        """Lease ``message`` under its ack id until ``deadline``."""
        self._by_ack_id[message.ack_id] = message
        self.size += message.size
        self._end_at(message, deadline)

    def renew(self, message: Message, deadline: float) -> None:
        """Let the lease end at ``deadline`` instead."""
        del self._by_tick[message.expiry][message.id]
        self._end_at(message, deadline)

    def remove(self, message: Message) -> None:
        """End a lease; the message has no ack id afterwards."""
        del self._by_ack_id[message.ack_id]
        del self._by_tick[message.expiry][message.id]
        self.size -= message.size
        message.ack_id = ""

    def take_expired(self, now: float) -> list[Message]:
        """End all leases whose deadline is at or before ``now`` and return their messages, oldest deadline first."""
        ended: list[Message] = []
        while self._ticks and self._ticks[0] <= now * TICKS_PER_SECOND:
            ended.extend(self._by_tick.pop(heapq.heappop(self._ticks)).values())
        for message in ended:
            del self._by_ack_id[message.ack_id]
            self.size -= message.size
            message.ack_id = ""
        return ended

    def next_end(self) -> float | None:
        """When the next lease ends, on the clock of the deadlines."""
        while self._ticks and not self._by_tick[self._ticks[0]]:
            del self._by_tick[heapq.heappop(self._ticks)]
        return self._ticks[0] / TICKS_PER_SECOND if self._ticks else None

    def _end_at(self, message: Message, deadline: float) -> None:
        tick = math.ceil(deadline * TICKS_PER_SECOND)
        message.expiry = tick
        bucket = self._by_tick.get(tick)
        if bucket is None:
            bucket = self._by_tick[tick] = {}
            heapq.heappush(self._ticks, tick)
        bucket[message.id] = message
