"""The running broker: its topics and subscriptions, and the one log behind them."""

from __future__ import annotations

import asyncio
import bisect
import itertools
import sqlite3
from array import array
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from pubsubctl.emulator.embedded.catalogue import Catalogue
from pubsubctl.emulator.embedded.changes import Changes
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import Clock, SystemClock
from pubsubctl.emulator.embedded.committer import Committer
from pubsubctl.emulator.embedded.deadletter import dead_letter
from pubsubctl.emulator.embedded.deliveries import Window
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.group import Done, Group
from pubsubctl.emulator.embedded.iam import Policies
from pubsubctl.emulator.embedded.loading import READ_SIZE
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.message import Message, stamp, timestamp
from pubsubctl.emulator.embedded.push import Pushing
from pubsubctl.emulator.embedded.retention import Retention
from pubsubctl.emulator.embedded.schema.registry import Schemas
from pubsubctl.emulator.embedded.snapshots import Snapshots
from pubsubctl.emulator.embedded.status import Refusal, unavailable
from pubsubctl.emulator.embedded.topic import Topic
from pubsubctl.emulator.embedded.upkeep import Upkeep

T = TypeVar("T")


class Broker:
    """Everything but gRPC. Made and used in one event loop."""

    def __init__(
        self, log: Log, *, clock: Clock | None = None, faults: Faults | None = None, window: Window | None = None
    ) -> None:
        """Take over an open log; ``close`` closes it."""
        self.log = log
        self.clock: Clock = clock or SystemClock()
        self.faults = faults or Faults()
        self._reads = ThreadPoolExecutor(1, "broker-reads")
        self._tasks: set[asyncio.Task[None]] = set()
        self._time_ns = 0
        self.committer = Committer(log, clock=self.clock, faults=self.faults, before=self._complete)
        self._changes = Changes(log, self.committer)
        self._pushing = Pushing(self.clock)
        self.policies = Policies(log, self._changes, self._exists)
        self.catalogue = Catalogue(
            log, self._changes, self, policies=self.policies, pushing=self._pushing, window=window or Window()
        )
        self.snapshots = Snapshots(log, self._changes, self.policies, self.catalogue)
        self.schemas = Schemas(log, self._changes, self.clock)
        self.schemas.on_delete = self._part_from_schema
        self.upkeep = Upkeep(self.catalogue, self.clock)
        self.committer.start()
        self.retention = Retention(self)
        loop = asyncio.get_running_loop()
        self.clock.on_jump(lambda: loop.call_soon_threadsafe(self._jump))

    def end_streams(self) -> None:
        """Give nothing more away; whoever waits for messages is told to come back later."""
        for channel in self.catalogue.channels.values():
            channel.close(unavailable("The emulator is stopping."))

    async def close(self) -> None:
        """Write what is pending and let go of the log."""
        await self.retention.close()
        await self._pushing.close()
        for task in self._tasks:
            task.cancel()
        await self._changes.finish()
        await self.committer.close()
        self._reads.shutdown()
        self.log.close()

    # Publishing

    def publish(self, topic: Topic, messages: Sequence[Any]) -> tuple[list[int], Group]:
        """Put messages into the next group; subscriptions get them once it is written.

        Returns:
            The message ids, and the group whose ``written`` tells when they are true.
        """
        group = self.committer.open()
        first = self.catalogue.next_message
        # Never less than before, whatever becomes of the clock: a seek to a time parts the messages by their ids.
        self._time_ns = max(self._time_ns, self.clock.time_ns())
        time = timestamp(self._time_ns)
        entries = [(id_, _stamped(message, id_, time)) for id_, message in enumerate(messages, first)]
        group.next_message = self.catalogue.next_message = first + len(entries)
        if topic.is_kept:
            group.messages.setdefault(topic.uid, []).extend(entries)
            group.written.append(lambda error: topic.written(entries) if error is None else None)
        return [id_ for id_, _ in entries], group

    def sweep(self, topic: Topic) -> None:
        """Look for messages of ``topic`` that nobody needs any more."""
        self.upkeep.sweep(topic)
        self.committer.open()

    # What channels need

    async def read(self, function: Callable[[], T]) -> T:
        """Call ``function``, which reads the log, in the thread for that."""
        return await asyncio.get_running_loop().run_in_executor(self._reads, function)

    def acknowledged(self, channel: Channel, ids: array[int]) -> None:
        """Write that these messages are settled."""
        self.committer.ack(channel.uid, ids)

    def when_acknowledged(self, listener: Done) -> None:
        """Call ``listener`` when the acks so far are in the log, or could not be written."""
        self.committer.open().acknowledged.append(listener)

    async def settled_down(self) -> int:
        """Wait until what was published is in the log; the id that the next message gets.

        Raises:
            Refusal: the log could not be written.
        """
        following = self.catalogue.next_message
        await self.committer.outcome(self.committer.open().written)
        return following

    def subscription_name(self, uid: int) -> str | None:
        """The name of a subscription."""
        channel = self.catalogue.channel(uid)
        return channel.name if channel else None

    def bury(self, channel: Channel, dead: list[Message]) -> None:
        """Publish dead letters and settle the messages, both or neither; what cannot be is delivered on."""
        self._spawn(self._bury(channel, dead))

    async def _bury(self, channel: Channel, dead: list[Message]) -> None:
        deliveries = channel.deliveries
        try:
            while dead:
                portion = _portion(dead)
                await self._load_bodies(channel, portion)
                topic = self.catalogue.topics.get(channel.config.dead_letter_policy.dead_letter_topic)
                # After a seek these messages are to be delivered again, or were done with: no longer from here.
                if topic is None or channel.is_held or channel.deliveries is not deliveries:
                    break
                await self._move(channel, portion, topic)
                dead = dead[len(portion) :]
        except (Refusal, sqlite3.Error):
            pass  # what could not be published is delivered on
        finally:
            deliveries.revive(dead, self.clock.monotonic())
            channel.pump()

    async def _move(self, channel: Channel, dead: list[Message], topic: Topic) -> None:
        letters = [dead_letter(message, channel.name) for message in dead if message.body is not None]
        _, group = self.publish(topic, letters)
        deliveries = channel.deliveries
        group.moved.setdefault(channel.uid, array("Q")).extend(message.id for message in dead)
        # Before the next group is closed: if that one folded them as unsettled, it would undo the move.
        group.written.append(lambda error: deliveries.settle_dead(dead) if error is None else None)
        await self.committer.outcome(group.written)

    async def _load_bodies(self, channel: Channel, messages: list[Message]) -> None:
        missing = {message.id: message for message in messages if message.body is None}
        while missing:
            read = partial(self.log.messages.bodies, channel.topic.uid, sorted(missing), size=READ_SIZE)
            for id_, body in (await self.read(read)).items():
                missing.pop(id_).body = body

    # Inside

    async def _part_from_schema(self, schema: str) -> None:
        self.policies.forget(schema)
        await self.catalogue.part_from_schema(schema)

    def _exists(self, resource: str) -> bool:
        catalogue = self.catalogue
        return any(
            resource in names
            for names in (catalogue.topics, catalogue.channels, self.snapshots.by_name, self.schemas.by_name)
        )

    def _complete(self, group: Group) -> None:
        self.upkeep.add_to(group)
        group.written.append(lambda _: self.committer.open() if self.upkeep.busy else None)

    def _jump(self) -> None:
        for channel in self.catalogue.channels.values():
            channel.tick()
        self.retention.look()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _portion(messages: list[Message]) -> list[Message]:
    """The first messages, at least one, with not many more bytes than are read at once."""
    sizes = itertools.accumulate(message.size for message in messages)
    return messages[: bisect.bisect_left(list(sizes), READ_SIZE) + 1]


def _stamped(message: Any, id_: int, time: bytes) -> bytes:
    """The serialized message with its id and time; what the publisher put there instead is not kept."""
    if message.message_id or message.HasField("publish_time"):
        message.ClearField("message_id")
        message.ClearField("publish_time")
    return stamp(message.SerializeToString(), id_, time)
