"""Seeking (cloud.google.com/pubsub/docs/replay-overview): what a subscription has to deliver afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pubsubctl.emulator.embedded.backlog import Backlog
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.snapshots import Snapshot
from pubsubctl.emulator.embedded.status import failed_precondition

NANOS = 1_000_000_000


class Surroundings(Protocol):
    """What of the broker a seek needs."""

    clock: Clock
    log: Log

    async def read(self, function: Callable[[], Any]) -> Any:
        """Call ``function``, which reads the log, in the thread for that."""

    async def settled_down(self) -> int:
        """Wait until what was published is in the log; the id that the next message gets."""


def to_snapshot(find: Callable[[], Snapshot]) -> Callable[[Channel], Awaitable[Backlog]]:
    """Deliver what the snapshot kept, and all that was published since it was made."""

    async def backlog(channel: Channel) -> Backlog:
        snapshot = find()
        if channel.topic is not snapshot.topic:
            raise failed_precondition(
                f"The subscription's topic {channel.topic.name} is different from that of the snapshot "
                f"{snapshot.topic.name}; they must match. A topic that was deleted and created again with the same "
                "name is a different one."
            )
        return snapshot.backlog

    return backlog


def to_time(around: Surroundings, time_ns: int) -> Callable[[Channel], Awaitable[Backlog]]:
    """Deliver what was published at ``time_ns`` (since 1970) or later, and is still kept; nothing from before."""

    async def backlog(channel: Channel) -> Backlog:
        tail = await around.settled_down()
        topic = channel.topic
        first = await around.read(lambda: around.log.messages.first_published(topic.uid, time_ns, tail))
        if not channel.replayable_s:
            return channel.deliveries.backlog().since(first)
        oldest_s = around.clock.time_ns() // NANOS - int(channel.replayable_s)
        kept = await around.read(lambda: around.log.messages.first_since(topic.uid, oldest_s, tail))
        origin = 0 if topic.retention_s else channel.origin
        return channel.deliveries.backlog().since(first).replayed_from(max(first, kept, origin))

    return backlog
