"""Which subscriptions are pushed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.push.endpoint import Endpoint

if TYPE_CHECKING:
    from pubsubctl.emulator.embedded.channel import Channel
    from pubsubctl.emulator.embedded.push.pusher import Pusher


class Pushing:
    """Has a pusher for each subscription with an endpoint. Made and used in the broker's event loop."""

    def __init__(self, clock: Clock) -> None:
        """Push nothing yet."""
        self._clock = clock
        self._pushers: dict[int, Pusher] = {}
        self._retired: dict[int, list[Pusher]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        clock.on_jump(lambda: loop.call_soon_threadsafe(self._jump))

    def follow(self, channel: Channel) -> None:
        """Start, change or stop pushing as the settings of a subscription say, after these were made or changed.

        Requests to an endpoint that is no longer the subscription's are finished, and count.
        """
        config = channel.config
        url = "" if config.detached else config.push_config.push_endpoint
        endpoint = Endpoint.parse(url) if url else None
        pusher = self._pushers.get(channel.uid)
        if pusher is not None and pusher.endpoint != endpoint:
            self._retire(channel.uid)
        elif pusher is not None:
            pusher.refresh()
        if endpoint is not None and channel.uid not in self._pushers:
            self._pushers[channel.uid] = self._begin(channel, endpoint)

    def forget(self, channel: Channel) -> None:
        """Push no more: the subscription was deleted or detached. Requests under way are broken off."""
        for pusher in self._take_out(channel.uid):
            task = asyncio.get_running_loop().create_task(pusher.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Stop all at once; requests under way are broken off."""
        pushers = [pusher for uid in {*self._pushers, *self._retired} for pusher in self._take_out(uid)]
        await asyncio.gather(*self._ending, *(pusher.close() for pusher in pushers))

    # Inside

    def _begin(self, channel: Channel, endpoint: Endpoint) -> Pusher:
        # Nobody without a push subscription pays for the HTTP client.
        from pubsubctl.emulator.embedded.push.pusher import Pusher

        return Pusher(channel, endpoint, self._clock)

    def _retire(self, uid: int) -> None:
        pusher = self._pushers.pop(uid)
        pusher.retire()
        still_busy = [other for other in self._retired.get(uid, []) if not other.is_done]
        self._retired[uid] = [*still_busy, pusher]

    def _take_out(self, uid: int) -> list[Pusher]:
        """All pushers of a subscription; it has none then."""
        current = self._pushers.pop(uid, None)
        return self._retired.pop(uid, []) + ([current] if current else [])

    def _jump(self) -> None:
        for pusher in self._pushers.values():
            pusher.wake()
