"""Which topics and subscriptions there are, in memory as in the log."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pubsubctl.emulator.embedded import ackid
from pubsubctl.emulator.embedded.channel import Channel, Surroundings
from pubsubctl.emulator.embedded.committer import Committer
from pubsubctl.emulator.embedded.deliveries import Deliveries, Window
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.protocol import Subscription as SubscriptionConfig
from pubsubctl.emulator.embedded.protocol import Topic as TopicConfig
from pubsubctl.emulator.embedded.settings import rules
from pubsubctl.emulator.embedded.status import already_exists, not_found
from pubsubctl.emulator.embedded.topic import Topic

T = TypeVar("T")


class Catalogue:
    """Changes are made one at a time, and are seen once they are in the log."""

    def __init__(self, log: Log, committer: Committer, around: Surroundings, window: Window) -> None:
        self.next_message = log.counter("next_message")
        self.topics: dict[str, Topic] = {}
        self.channels: dict[str, Channel] = {}
        self._committer = committer
        self._around = around
        self._window = window
        self._identity = log.counter("identity")
        self._run = log.begin_run()
        self._next_resource = log.counter("next_resource")
        self._changing = asyncio.Lock()
        self._changes: set[asyncio.Task[Any]] = set()
        self._topics_by_uid: dict[int, Topic] = {}
        self._channels_by_uid: dict[int, Channel] = {}
        self._restore(log)

    # Looking up

    def topic(self, uid: int) -> Topic | None:
        """The topic of that uid, deleted or not."""
        return self._topics_by_uid.get(uid)

    def channel(self, uid: int) -> Channel | None:
        """The subscription of that uid."""
        return self._channels_by_uid.get(uid)

    def find_topic(self, name: str, problem: str = "Topic not found") -> Topic:
        """The topic of that name.

        Raises:
            Refusal: NOT_FOUND, with ``problem``.
        """
        topic = self.topics.get(name)
        if topic is None:
            raise not_found(problem)
        return topic

    def find_channel(self, name: str, problem: str = "Subscription does not exist") -> Channel:
        """The subscription of that name.

        Raises:
            Refusal: NOT_FOUND, with ``problem``.
        """
        channel = self.channels.get(name)
        if channel is None:
            raise not_found(problem)
        return channel

    def orphans(self) -> list[int]:
        """Topics that were deleted and have no subscription left."""
        return [topic.uid for topic in self._topics_by_uid.values() if topic.deleted and not topic.channels]

    # Changing

    async def create_topic(self, config: Any) -> Topic:
        """Add a topic.

        Raises:
            Refusal: ALREADY_EXISTS, or the log could not be written.
        """

        async def create() -> Topic:
            if config.name in self.topics:
                raise already_exists("Topic already exists")
            topic = Topic(self._new_uid(), config)
            await self._write(
                "INSERT INTO topics (uid, name, config) VALUES (?, ?, ?)",
                (topic.uid, config.name, config.SerializeToString()),
                counted=True,
            )
            self._add_topic(topic)
            return topic

        return await self._change(create())

    async def update_topic(self, name: str, changed: Callable[[Any], Any]) -> Any:
        """Give a topic the settings that ``changed`` makes of those it has, and return them.

        Raises:
            Refusal: NOT_FOUND, what ``changed`` raises, or the log could not be written.
        """

        async def update() -> Any:
            topic = self.find_topic(name, "Topic not found.")
            config = changed(topic.config)
            await self._write("UPDATE topics SET config = ? WHERE uid = ?", (config.SerializeToString(), topic.uid))
            topic.config = config
            return config

        return await self._change(update())

    async def delete_topic(self, name: str) -> Topic:
        """Delete a topic; its subscriptions stay, with what they have not delivered.

        Raises:
            Refusal: NOT_FOUND, or the log could not be written.
        """

        async def delete() -> Topic:
            topic = self.find_topic(name)
            await self._write("UPDATE topics SET deleted = 1 WHERE uid = ?", (topic.uid,))
            topic.deleted = True
            del self.topics[name]
            return topic

        return await self._change(delete())

    async def create_subscription(self, config: Any) -> Channel:
        """Add a subscription, which gets what is published from now on.

        Raises:
            Refusal: ALREADY_EXISTS, NOT_FOUND for its topic, or the log could not be written.
        """

        async def create() -> Channel:
            if config.name in self.channels:
                raise already_exists("Subscription already exists")
            topic = self.find_topic(config.topic, "Subscription topic does not exist")
            uid, position = self._new_uid(), self.next_message
            await self._write(
                "INSERT INTO subscriptions (uid, name, topic, config, position, unsettled) VALUES (?, ?, ?, ?, ?, x'')",
                (uid, config.name, topic.uid, config.SerializeToString(), position),
                counted=True,
            )
            return self._add_channel(uid, config, topic, position=position, unsettled=array("Q"), settled=set())

        return await self._change(create())

    async def update_subscription(self, name: str, changed: Callable[[Any], Any]) -> Channel:
        """Give a subscription the settings that ``changed`` makes of those it has.

        Raises:
            Refusal: NOT_FOUND, what ``changed`` raises, or the log could not be written.
        """

        async def update() -> Channel:
            channel = self.find_channel(name, "Subscription not found.")
            config = changed(channel.config)
            statement = "UPDATE subscriptions SET config = ? WHERE uid = ?"
            await self._write(statement, (config.SerializeToString(), channel.uid))
            channel.reconfigure(config)
            return channel

        return await self._change(update())

    async def delete_subscription(self, name: str) -> Channel:
        """Delete a subscription.

        Raises:
            Refusal: NOT_FOUND, or the log could not be written.
        """

        async def delete() -> Channel:
            channel = self.find_channel(name)
            group = self._committer.open()
            group.statements.append(("DELETE FROM acks WHERE subscription = ?", (channel.uid,)))
            await self._write("DELETE FROM subscriptions WHERE uid = ?", (channel.uid,))
            del self.channels[name]
            del self._channels_by_uid[channel.uid]
            del channel.topic.channels[channel.uid]
            channel.close(not_found(f"Subscription does not exist (resource={name.rsplit('/', 1)[1]})"))
            return channel

        return await self._change(delete())

    async def finish(self) -> None:
        """Wait until the changes that were begun are made."""
        await asyncio.gather(*self._changes, return_exceptions=True)

    def forget(self, topic: Topic) -> None:
        """Drop a deleted topic of which nothing is left."""
        self._topics_by_uid.pop(topic.uid, None)
        self._committer.open().statements.append(("DELETE FROM topics WHERE uid = ?", (topic.uid,)))

    # Inside

    async def _change(self, change: Coroutine[Any, Any, T]) -> T:
        """Make a change in its turn, in the log and in memory, even if whoever asked for it goes away meanwhile."""

        async def in_turn() -> T:
            async with self._changing:
                return await change

        task = asyncio.create_task(in_turn())
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def _write(self, statement: str, parameters: tuple[object, ...], *, counted: bool = False) -> None:
        if counted:
            count = "UPDATE counters SET value = ? WHERE name = 'next_resource'"
            self._committer.open().statements.append((count, (self._next_resource,)))
        await self._committer.write(statement, parameters)

    def _new_uid(self) -> int:
        uid = self._next_resource
        self._next_resource += 1
        return uid

    def _add_topic(self, topic: Topic) -> None:
        self._topics_by_uid[topic.uid] = topic
        if not topic.deleted:
            self.topics[topic.name] = topic

    def _add_channel(
        self, uid: int, config: Any, topic: Topic, *, position: int, unsettled: array[int], settled: set[int]
    ) -> Channel:
        deliveries = Deliveries(
            rules(config),
            ack_ids=ackid.prefix(uid, self._identity, self._run),
            position=position,
            unsettled=[id_ for id_ in unsettled if id_ not in settled],
            settled=[id_ for id_ in settled if id_ >= position],
            window=self._window,
        )
        channel = Channel(uid, config, topic, deliveries, self._around)
        topic.channels[uid] = channel
        self.channels[channel.name] = channel
        self._channels_by_uid[uid] = channel
        return channel

    def _restore(self, log: Log) -> None:
        for uid, deleted, content, tail in log.topics():
            self._add_topic(Topic(uid, TopicConfig.FromString(content), tail=tail, deleted=deleted))
        for uid, topic, content, position, unsettled in log.subscriptions():
            settled = set().union(*log.acks(uid))
            config = SubscriptionConfig.FromString(content)
            if topic not in self._topics_by_uid:
                self._add_topic(Topic(topic, TopicConfig(name=config.topic), deleted=True))
            self._add_channel(
                uid, config, self._topics_by_uid[topic], position=position, unsettled=unsettled, settled=settled
            )
