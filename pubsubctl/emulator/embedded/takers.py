"""Those who wait for messages of one subscription, in the order in which they get some."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from pubsubctl.emulator.embedded.deliveries import Deliveries
from pubsubctl.emulator.embedded.message import Message
from pubsubctl.emulator.embedded.outlet import RESPONSE_MESSAGES, Outlet
from pubsubctl.emulator.embedded.status import Refusal

Batch = asyncio.Future[list[Message]]
Taker = tuple[Outlet, Batch]


class Takers:
    """Each is an outlet and the future of what it gets."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Taker] = deque()
        self._streams: set[Outlet] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def join(self, stream: Outlet) -> None:
        """A stream has been opened: it takes messages again and again, though it may not wait for any at a moment."""
        self._streams.add(stream)

    def leave(self, stream: Outlet) -> None:
        """A stream has ended."""
        self._streams.discard(stream)

    def add(self, outlet: Outlet) -> Batch:
        """Let ``outlet`` wait for its turn."""
        batch: Batch = self._loop.create_future()
        self._waiting.append((outlet, batch))
        return batch

    def withdraw(self, batch: Batch) -> None:
        """Whoever waited for ``batch`` went away."""
        self._waiting = deque(taker for taker in self._waiting if taker[1] is not batch)

    def dismiss(self, outlet: Outlet) -> None:
        """Give ``outlet`` nothing more, and let it wait no longer."""
        outlet.closed = True
        for waiting, batch in self._waiting:
            if waiting is outlet and not batch.done():
                batch.set_result([])
        self._waiting = deque(taker for taker in self._waiting if taker[0] is not outlet)

    def refuse(self, refusal: Refusal) -> None:
        """Let nobody wait any longer; each is told ``refusal``."""
        for _, batch in self._waiting:
            if not batch.done():
                batch.set_exception(refusal)
        self._waiting.clear()

    def give(self, deliveries: Deliveries, now: float) -> None:
        """Give away what is ready: to each in turn its share, as far as it has room.

        Who comes last is given one message at a time of what others leave, while there are others.
        """
        if not deliveries.ready_count:
            return
        if not any(outlet.comes_last(now) for outlet, _ in self._waiting):
            self._waiting = _served(self._waiting, deliveries, now)
            return
        first, last = deque[Taker](), deque[Taker]()
        for taker in self._waiting:
            (last if taker[0].comes_last(now) else first).append(taker)
        if first or any(not stream.comes_last(now) for stream in self._streams):
            trying = deque(taker for taker in last if not taker[0].messages)
            holding = deque(taker for taker in last if taker[0].messages)
            self._waiting = _served(first, deliveries, now) + holding + _served(trying, deliveries, now, most=1)
        else:
            self._waiting = _served(last, deliveries, now)


def _served(takers: deque[Taker], deliveries: Deliveries, now: float, most: int = RESPONSE_MESSAGES) -> deque[Taker]:
    """Give each in turn its share, or the most that it may have; those who wait on."""
    blocked: deque[Taker] = deque()
    while takers and (ready := deliveries.ready_count):
        taker = takers.popleft()
        outlet, future = taker
        if future.done():
            continue
        share = min(math.ceil(ready / (len(takers) + 1)), most)
        batch = deliveries.take(outlet, share, now)
        if batch:
            future.set_result(batch)
        else:
            blocked.append(taker)
    takers.extendleft(reversed(blocked))
    return takers
