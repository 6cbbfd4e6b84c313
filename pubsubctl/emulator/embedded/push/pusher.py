"""Pushes the messages of one subscription."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Iterable

from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.message import Message
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.push.endpoint import Endpoint
from pubsubctl.emulator.embedded.push.pace import Backoff, Window, backoff_s
from pubsubctl.emulator.embedded.push.poster import Poster
from pubsubctl.emulator.embedded.push.request import Request, request_for
from pubsubctl.emulator.embedded.status import Refusal

ACKNOWLEDGED = {102, 200, 201, 202, 204}
SIZE_LIMIT = 32 * 2**20

# A lease outlasts its request, so that it is the answer, or its absence, that says what becomes of the message.
LEASE_MARGIN_S = 5.0
RETRY_TAKE_S = 1.0

# A message with the ack id that it was given under; once it has another one, or none, it is not ours any more.
Held = tuple[Message, str]


class Pusher:
    """Takes messages while it may send more requests, and sends each line of messages in a task.

    A line is one message, or those of one ordering key: these go one after the other, and what follows one that was
    not acknowledged is given back unsent. A message that was not acknowledged stays leased for its back-off, unless
    the subscription has a retry policy, which delays it anyway; the subscription as a whole pauses besides.
    """

    def __init__(self, channel: Channel, endpoint: Endpoint, clock: Clock) -> None:
        """Begin to push."""
        self.endpoint = endpoint
        self._channel = channel
        self._clock = clock
        self._poster = Poster(endpoint)
        self._window = Window()
        self._backoff = Backoff()
        self._outlet = Outlet()
        self._lines: set[asyncio.Task[None]] = set()
        self._size = 0
        self._changed = asyncio.Event()
        self._retired = False
        self._taking = asyncio.get_running_loop().create_task(self._run())

    @property
    def is_done(self) -> bool:
        """Whether it was retired, and nothing is under way any more."""
        return self._retired and not self._lines

    def refresh(self) -> None:
        """Follow new settings of the subscription, among which the endpoint is the same."""
        self._channel.dismiss(self._outlet)

    def wake(self) -> None:
        """Look anew whether more can be sent."""
        self._changed.set()

    def retire(self) -> None:
        """Send no more; the requests that are under way are finished."""
        self._retired = True
        self._taking.cancel()
        self._poster.close()

    async def close(self) -> None:
        """End at once, whatever is under way."""
        self.retire()
        for task in self._lines:
            task.cancel()
        await asyncio.gather(self._taking, *self._lines, return_exceptions=True)
        await asyncio.sleep(0)  # connections that were aborted are closed when the loop comes round

    # Taking

    async def _run(self) -> None:
        while True:
            await self._until_free()
            for line in _lines(await self._take()):
                self._begin(line)

    async def _until_free(self) -> None:
        while (wait_s := self._wait_s()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(wait_s) else wait_s):
                    await self._changed.wait()

    def _wait_s(self) -> float:
        """How long nothing may be sent, unless something changes."""
        if len(self._lines) >= self._window.size or self._size >= SIZE_LIMIT:
            return math.inf
        return self._backoff.resume_at - self._clock.monotonic()

    async def _take(self) -> list[Message]:
        self._outlet = Outlet(
            max_messages=self._window.size - len(self._lines),
            max_size=SIZE_LIMIT - self._size,
            ack_deadline_s=self._lease_s,
        )
        try:
            return await self._channel.take(self._outlet)
        except Refusal:
            await asyncio.sleep(RETRY_TAKE_S)
            return []

    # Sending

    def _begin(self, line: list[Held]) -> None:
        size = sum(message.size for message, _ in line)
        task = asyncio.get_running_loop().create_task(self._push_line(line))
        self._lines.add(task)
        self._size += size
        task.add_done_callback(lambda task: self._ended(task, size))

    def _ended(self, task: asyncio.Task[None], size: int) -> None:
        self._lines.discard(task)
        self._size -= size
        self._changed.set()

    async def _push_line(self, line: list[Held]) -> None:
        waiting = deque(line)
        while waiting and self._is_sending and await self._push(*waiting.popleft()):
            if waiting:
                self._channel.modify([ack_id for _, ack_id in waiting], self._lease_s)
        self._give_back(waiting)

    async def _push(self, message: Message, ack_id: str) -> bool:
        """Send one message and settle it or refuse it; whether it was acknowledged."""
        if message.ack_id != ack_id or message.body is None:
            return False
        rules = self._channel.deliveries.rules
        attempt = message.attempts if rules.max_delivery_attempts else 0
        request = request_for(message.body, self._channel.config, attempt=attempt)
        self._channel.sent([message])
        begun_at = self._clock.monotonic()
        if await self._is_acknowledged(request):
            self._window.succeeded()
            self._backoff.succeeded()
            self._channel.ack([ack_id])
            return True
        self._window.failed()
        self._backoff.failed(begun_at, self._clock.monotonic())
        self._channel.modify([ack_id], self._delay_s(message))
        return False

    async def _is_acknowledged(self, request: Request) -> bool:
        try:
            async with asyncio.timeout(self._channel.config.ack_deadline_seconds):
                return await self._poster.post(request) in ACKNOWLEDGED
        except OSError:
            return False

    def _give_back(self, waiting: Iterable[Held]) -> None:
        """Free what was not sent: that was no delivery."""
        held = [message for message, ack_id in waiting if message.ack_id == ack_id]
        if held:
            self._channel.deliveries.unsend(held)
            self._channel.pump()

    # Inside

    def _delay_s(self, message: Message) -> float:
        """How long a message that was not acknowledged stays leased; no longer when that was its last delivery."""
        last = self._channel.deliveries.rules.max_delivery_attempts
        if self._channel.config.HasField("retry_policy") or 0 < last <= message.attempts:
            return 0
        return backoff_s(message.attempts)

    @property
    def _is_sending(self) -> bool:
        return not self._retired and self._backoff.resume_at <= self._clock.monotonic()

    @property
    def _lease_s(self) -> float:
        deadline_s: int = self._channel.config.ack_deadline_seconds
        return deadline_s + LEASE_MARGIN_S


def _lines(batch: list[Message]) -> list[list[Held]]:
    """The messages of a batch by ordering key, each without one alone."""
    lines: dict[object, list[Held]] = {}
    for message in batch:
        if message.ack_id:
            lines.setdefault(message.key or message.id, []).append((message, message.ack_id))
    return list(lines.values())
