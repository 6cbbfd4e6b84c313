"""What time takes away: messages past their retention, subscriptions and snapshots past their time to live."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

from pubsubctl.emulator.embedded.catalogue import Catalogue
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.committer import Committer
from pubsubctl.emulator.embedded.limits import seconds
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.snapshots import Snapshot, Snapshots
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.emulator.embedded.topic import Topic
from pubsubctl.emulator.embedded.upkeep import Upkeep

INTERVAL_S = 30.0
NOTED_AFTER_S = 3_600


class Surroundings(Protocol):
    """What of the broker is looked through."""

    catalogue: Catalogue
    clock: Clock
    committer: Committer
    log: Log
    snapshots: Snapshots
    upkeep: Upkeep

    async def read(self, function: Callable[[], Any]) -> Any:
        """Call ``function``, which reads the log, in the thread for that."""


class Retention:
    """Looks through everything now and then, and whenever the clock was moved."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._wanted = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def look(self) -> None:
        """Look now."""
        self._wanted.set()

    async def close(self) -> None:
        """Look no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), INTERVAL_S)
            self._wanted.clear()
            for step in self._steps(self._around.clock.time_ns() // 1_000_000_000):
                # What cannot be written or read now is found again the next time; the rest need not wait for it.
                with contextlib.suppress(Refusal, sqlite3.Error):
                    await step

    def _steps(self, now_s: int) -> Iterator[Awaitable[None]]:
        for channel in list(self._around.catalogue.channels.values()):
            yield self._expire_subscription(channel, now_s)
        for snapshot in list(self._around.snapshots.by_name.values()):
            yield self._expire_snapshot(snapshot, now_s)
        for topic in self._around.catalogue.all_topics():
            yield self._forget_old(topic, now_s)
        yield self._shrink()

    async def _expire_snapshot(self, snapshot: Snapshot, now_s: int) -> None:
        if snapshot.config.expire_time.seconds <= now_s:
            await self._around.snapshots.delete(snapshot.name)
            self._around.upkeep.sweep(snapshot.topic)

    async def _expire_subscription(self, channel: Channel, now_s: int) -> None:
        """Delete a subscription that nobody used for its time to live, or note that somebody does."""
        used_at = channel.used_at(now_s)
        if _is_expired(channel, now_s):
            await self._around.catalogue.delete_subscription(channel.name, only=lambda one: _is_expired(one, now_s))
            self._around.upkeep.sweep(channel.topic)
        elif used_at - channel.noted_at >= NOTED_AFTER_S:
            channel.noted_at = used_at
            self._around.committer.open().statements.append(
                ("UPDATE subscriptions SET active_at = ? WHERE uid = ?", (used_at, channel.uid))
            )

    async def _forget_old(self, topic: Topic, now_s: int) -> None:
        """Drop what is older than a subscription keeps it; then what nobody has any more can go."""
        log = self._around.log
        oldest_s = await self._around.read(lambda: log.messages.published_at(topic.uid, 0))
        if oldest_s is None:
            return
        for channel in list(topic.channels.values()):
            before_s = now_s - int(channel.retention_s)
            if oldest_s < before_s and not channel.is_held:
                await self._drop_before(channel, before_s)
        if oldest_s < now_s - topic.replayable_s:
            self._around.upkeep.sweep(topic)
            self._around.committer.open()

    async def _drop_before(self, channel: Channel, before_s: int) -> None:
        log, topic, deliveries = self._around.log, channel.topic, channel.deliveries
        first = await self._around.read(lambda: log.messages.first_since(topic.uid, before_s, topic.tail))
        if channel.deliveries is deliveries and not channel.is_held and deliveries.drop_below(first):
            self._around.upkeep.fold(channel)
            self._around.committer.open()
            channel.pump()

    async def _shrink(self) -> None:
        more = True
        while more:
            group = self._around.committer.open()
            group.shrink = True
            await self._around.committer.outcome(group.written)
            more = group.shrink


def _is_expired(channel: Channel, now_s: int) -> bool:
    ttl_s = seconds(channel.config.expiration_policy.ttl)
    return bool(ttl_s) and now_s - channel.used_at(now_s) >= ttl_s
