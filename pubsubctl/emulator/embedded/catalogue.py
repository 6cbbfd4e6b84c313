"""Which topics and subscriptions there are, in memory as in the log."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable
from typing import Any

from pubsubctl.emulator.embedded import ackid
from pubsubctl.emulator.embedded.acceptance import acceptance
from pubsubctl.emulator.embedded.backlog import Backlog
from pubsubctl.emulator.embedded.changes import Changes
from pubsubctl.emulator.embedded.channel import Channel, Surroundings
from pubsubctl.emulator.embedded.deliveries import Deliveries, Window
from pubsubctl.emulator.embedded.frames import pack_ids
from pubsubctl.emulator.embedded.iam import Policies
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.protocol import Subscription as SubscriptionConfig
from pubsubctl.emulator.embedded.protocol import Topic as TopicConfig
from pubsubctl.emulator.embedded.push import Pushing
from pubsubctl.emulator.embedded.rules import Rules
from pubsubctl.emulator.embedded.schema.settings import DELETED_SCHEMA
from pubsubctl.emulator.embedded.status import already_exists, failed_precondition, not_found
from pubsubctl.emulator.embedded.topic import Topic

_NEW_SUBSCRIPTION = (
    "INSERT INTO subscriptions (uid, name, topic, config, position, unsettled, origin, epoch, active_at) "
    "VALUES (?, ?, ?, ?, ?, x'', ?, 0, ?)"
)


class Catalogue:
    """Changes are made one at a time, and are seen once they are in the log."""

    def __init__(
        self,
        log: Log,
        changes: Changes,
        around: Surroundings,
        *,
        policies: Policies,
        pushing: Pushing,
        window: Window,
    ) -> None:
        """Restore what is in the log."""
        self.next_message = log.counter("next_message")
        self.topics: dict[str, Topic] = {}
        self.channels: dict[str, Channel] = {}
        self._changes = changes
        self._around = around
        self._policies = policies
        self._pushing = pushing
        self._window = window
        self._identity = log.counter("identity")
        self._run = log.begin_run()
        self._topics_by_uid: dict[int, Topic] = {}
        self._channels_by_uid: dict[int, Channel] = {}
        self._restore(log)

    # Looking up

    def topic(self, uid: int) -> Topic | None:
        """The topic of that uid, deleted or not."""
        return self._topics_by_uid.get(uid)

    def all_topics(self) -> list[Topic]:
        """Every topic, also those that were deleted and of which somebody still wants messages."""
        return list(self._topics_by_uid.values())

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
        """Topics that were deleted and of which nobody wants messages any more."""
        return [topic.uid for topic in self._topics_by_uid.values() if topic.deleted and not topic.is_kept]

    # Changing topics

    async def create_topic(self, config: Any) -> Topic:
        """Add a topic.

        Raises:
            Refusal: ALREADY_EXISTS, or the log could not be written.
        """

        async def create() -> Topic:
            if config.name in self.topics:
                raise already_exists("Topic already exists")
            topic = Topic(self._changes.new_uid(), config)
            await self._changes.write(
                "INSERT INTO topics (uid, name, config) VALUES (?, ?, ?)",
                (topic.uid, config.name, config.SerializeToString()),
            )
            self._add_topic(topic)
            return topic

        return await self._changes.make(create())

    async def update_topic(self, name: str, changed: Callable[[Any], Any]) -> Topic:
        """Give a topic the settings that ``changed`` makes of those it has.

        Raises:
            Refusal: NOT_FOUND, what ``changed`` raises, or the log could not be written.
        """

        async def update() -> Topic:
            topic = self.find_topic(name, "Topic not found.")
            config = changed(topic.config)
            statement = "UPDATE topics SET config = ? WHERE uid = ?"
            await self._changes.write(statement, (config.SerializeToString(), topic.uid))
            topic.config = config
            return topic

        return await self._changes.make(update())

    async def delete_topic(self, name: str) -> Topic:
        """Delete a topic; its subscriptions stay, with what they have not delivered.

        Raises:
            Refusal: NOT_FOUND, or the log could not be written.
        """

        async def delete() -> Topic:
            topic = self.find_topic(name)
            self._policies.forget(name)
            await self._changes.write("UPDATE topics SET deleted = 1 WHERE uid = ?", (topic.uid,))
            topic.deleted = True
            del self.topics[name]
            return topic

        return await self._changes.make(delete())

    async def part_from_schema(self, schema: str) -> None:
        """Let no topic have a schema that was just deleted; called in the turn of that change.

        Raises:
            Refusal: the log could not be written.
        """
        for topic in self.topics.values():
            if topic.config.schema_settings.schema == schema:
                config = TopicConfig.FromString(topic.config.SerializeToString())
                config.schema_settings.schema = DELETED_SCHEMA
                statement = "UPDATE topics SET config = ? WHERE uid = ?"
                await self._changes.write(statement, (config.SerializeToString(), topic.uid))
                topic.config = config

    def forget(self, topic: Topic) -> None:
        """Drop a deleted topic of which nothing is left."""
        self._topics_by_uid.pop(topic.uid, None)
        self._changes.also("DELETE FROM topics WHERE uid = ?", (topic.uid,))

    # Changing subscriptions

    async def create_subscription(self, config: Any) -> Channel:
        """Add a subscription, which gets what is published from now on.

        Raises:
            Refusal: ALREADY_EXISTS, NOT_FOUND for its topic, or the log could not be written.
        """

        async def create() -> Channel:
            if config.name in self.channels:
                raise already_exists("Subscription already exists")
            topic = self.find_topic(config.topic, "Subscription topic does not exist")
            uid, position = self._changes.new_uid(), self.next_message
            now = self._around.clock.time_ns() // 1_000_000_000
            await self._changes.write(
                _NEW_SUBSCRIPTION,
                (uid, config.name, topic.uid, config.SerializeToString(), position, position, now),
            )
            return self._add_channel(uid, config, topic, Backlog(position), origin=position, active_at=now)

        return await self._changes.make(create())

    async def update_subscription(self, name: str, changed: Callable[[Any], Any]) -> Channel:
        """Give a subscription the settings that ``changed`` makes of those it has.

        Raises:
            Refusal: NOT_FOUND, what ``changed`` raises, or the log could not be written.
        """

        async def update() -> Channel:
            channel = self.find_channel(name, "Subscription not found.")
            config = changed(channel.config)
            statement = "UPDATE subscriptions SET config = ? WHERE uid = ?"
            await self._changes.write(statement, (config.SerializeToString(), channel.uid))
            channel.reconfigure(config)
            self._pushing.follow(channel)
            return channel

        return await self._changes.make(update())

    async def detach_subscription(self, name: str) -> Channel:
        """Part a subscription from its topic and drop what it has not delivered.

        Raises:
            Refusal: NOT_FOUND, or the log could not be written.
        """

        async def detach() -> Channel:
            channel = self.find_channel(name)
            if channel.config.detached:
                return channel
            config = type(channel.config)()
            config.CopyFrom(channel.config)
            config.detached = True
            await self._changes.write_last(
                ("DELETE FROM acks WHERE subscription = ?", (channel.uid,)),
                (
                    "UPDATE subscriptions SET config = ?, position = ?, unsettled = x'' WHERE uid = ?",
                    (config.SerializeToString(), self.next_message, channel.uid),
                ),
            )
            channel.config = config
            channel.replace(self._deliveries(channel.uid, config, Backlog(self.next_message), epoch=0))
            self._detach(channel)
            return channel

        return await self._changes.make(detach())

    async def delete_subscription(self, name: str, *, only: Callable[[Channel], bool] | None = None) -> Channel:
        """Delete a subscription, where ``only`` is given if that still holds when its turn has come.

        Raises:
            Refusal: NOT_FOUND, or the log could not be written.
        """

        async def delete() -> Channel:
            channel = self.find_channel(name)
            if only is not None and not only(channel):
                return channel
            self._policies.forget(name)
            self._changes.also("DELETE FROM acks WHERE subscription = ?", (channel.uid,))
            await self._changes.write("DELETE FROM subscriptions WHERE uid = ?", (channel.uid,))
            del self.channels[name]
            del self._channels_by_uid[channel.uid]
            channel.topic.channels.pop(channel.uid, None)
            self._pushing.forget(channel)
            channel.close(not_found(f"Subscription does not exist (resource={name.rsplit('/', 1)[1]})"))
            return channel

        return await self._changes.make(delete())

    async def rewind(self, name: str, backlog: Callable[[Channel], Awaitable[Backlog]]) -> Channel:
        """Let a subscription deliver ``backlog`` from now on; acks of earlier deliveries mean nothing any more.

        Until it is written acks count as ever: they were answered, and this may come to nothing yet.

        Args:
            name: of the subscription.
            backlog: finds out what is to be delivered; what it knows of the present it finds out last.

        Raises:
            Refusal: NOT_FOUND, what ``backlog`` raises, or the log could not be written.
        """

        async def rewind() -> Channel:
            channel = self.find_channel(name)
            channel.check_attached()
            channel.hold()
            try:
                wanted = await backlog(channel)
                channel.hold_acks()
                await self._changes.write_last(*self._rewinding(channel.uid, wanted, self._run + 1))
            except BaseException:
                channel.resume()
                raise
            self._run += 1
            channel.replace(self._deliveries(channel.uid, channel.config, wanted, epoch=self._run))
            return channel

        return await self._changes.make(rewind())

    # Inside

    def _rewinding(self, uid: int, backlog: Backlog, run: int) -> list[tuple[str, tuple[object, ...]]]:
        return [
            ("UPDATE counters SET value = ? WHERE name = 'runs'", (run,)),
            ("DELETE FROM acks WHERE subscription = ?", (uid,)),
            ("INSERT INTO acks VALUES (?, ?)", (uid, pack_ids(backlog.settled))),
            (
                "UPDATE subscriptions SET position = ?, unsettled = ?, epoch = ? WHERE uid = ?",
                (backlog.position, pack_ids(backlog.unsettled), run, uid),
            ),
        ]

    def _add_topic(self, topic: Topic) -> None:
        self._topics_by_uid[topic.uid] = topic
        if not topic.deleted:
            self.topics[topic.name] = topic

    def _add_channel(
        self, uid: int, config: Any, topic: Topic, backlog: Backlog, *, origin: int, epoch: int = 0, active_at: int
    ) -> Channel:
        deliveries = self._deliveries(uid, config, backlog, epoch=epoch)
        channel = Channel(uid, config, topic, deliveries, self._around, origin=origin, active_at=active_at)
        topic.channels[uid] = channel
        self.channels[channel.name] = channel
        self._channels_by_uid[uid] = channel
        if config.detached:
            self._detach(channel)
        self._pushing.follow(channel)
        return channel

    def _detach(self, channel: Channel) -> None:
        del channel.topic.channels[channel.uid]
        self._pushing.forget(channel)
        channel.close(failed_precondition("Subscription is detached."))

    def _deliveries(self, uid: int, config: Any, backlog: Backlog, *, epoch: int) -> Deliveries:
        return Deliveries(
            Rules.of(config),
            ack_ids=ackid.prefix(uid, self._identity, self._run),
            position=backlog.position,
            unsettled=backlog.unsettled,
            settled=backlog.settled,
            epoch=epoch,
            accepts=acceptance(config.filter),
            window=self._window,
        )

    def _restore(self, log: Log) -> None:
        for uid, deleted, content, tail in log.topics():
            self._add_topic(Topic(uid, TopicConfig.FromString(content), tail=tail, deleted=deleted))
        for stored in log.subscriptions():
            config = SubscriptionConfig.FromString(stored.config)
            if stored.topic not in self._topics_by_uid:
                self._add_topic(Topic(stored.topic, TopicConfig(name=config.topic), deleted=True))
            settled = set().union(*log.acks(stored.uid))
            self._add_channel(
                stored.uid,
                config,
                self._topics_by_uid[stored.topic],
                _without(stored.position, stored.unsettled, settled),
                origin=stored.origin,
                epoch=stored.epoch,
                active_at=stored.active_at,
            )


def _without(position: int, unsettled: array[int], settled: set[int]) -> Backlog:
    """What is left of a stored backlog after the acks that were not folded into it."""
    return Backlog(
        position,
        array("Q", [id_ for id_ in unsettled if id_ not in settled]),
        array("Q", [id_ for id_ in settled if id_ >= position]),
    )
