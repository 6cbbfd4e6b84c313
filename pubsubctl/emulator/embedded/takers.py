"""Those who wait for messages of one subscription, in the order in which they get some."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from pubsubctl.emulator.embedded.deliveries import Deliveries
from pubsubctl.emulator.embedded.message import Message
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.status import Refusal

Batch = asyncio.Future[list[Message]]


class Takers:
    """Each is an outlet and the future of what it gets."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Outlet, Batch]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

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
        """Give away what is ready: to each in turn its share, as far as it has room."""
        blocked: deque[tuple[Outlet, Batch]] = deque()
        while self._waiting and (ready := deliveries.ready_count):
            taker = self._waiting.popleft()
            outlet, future = taker
            if future.done():
                continue
            share = math.ceil(ready / (len(self._waiting) + 1))
            batch = deliveries.take(outlet, share, now)
            if batch:
                future.set_result(batch)
            else:
                blocked.append(taker)
        self._waiting.extendleft(reversed(blocked))
