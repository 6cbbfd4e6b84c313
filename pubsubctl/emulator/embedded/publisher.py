"""google.pubsub.v1.Publisher."""

from typing import Any

from pubsubctl.emulator.embedded import settings
from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.limits import check_message, check_one_key, check_publish
from pubsubctl.emulator.embedded.names import check, check_project
from pubsubctl.emulator.embedded.pages import page
from pubsubctl.emulator.embedded.protocol import (
    DetachSubscriptionResponse,
    Empty,
    ListTopicSnapshotsResponse,
    ListTopicsResponse,
    ListTopicSubscriptionsResponse,
    PublishResponse,
)
from pubsubctl.emulator.embedded.status import not_found
from pubsubctl.emulator.embedded.topic import Topic


class Publisher:
    """The RPCs, named as in the API in snake case; each takes a request and returns a response, or raises Refusal."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._catalogue = broker.catalogue

    async def create_topic(self, request: Any, _context: Any) -> Any:
        """Add a topic."""
        config = settings.complete_topic(request)
        if config.HasField("schema_settings"):
            self._broker.schemas.check_settings(config.schema_settings)
        return self._described(await self._catalogue.create_topic(config))

    async def update_topic(self, request: Any, _context: Any) -> Any:
        """Change what the mask names."""
        settings.check_mask(request.update_mask, "Topic")
        name = check("topics", request.topic.name)

        def changed(old: Any) -> Any:
            config = settings.updated_topic(old, request)
            named = any(path.startswith("schema_settings") for path in request.update_mask.paths)
            if named and config.HasField("schema_settings"):
                self._broker.schemas.check_settings(config.schema_settings)
            return config

        return self._described(await self._catalogue.update_topic(name, changed))

    async def publish(self, request: Any, _context: Any) -> Any:
        """Answered once the messages are in the log."""
        topic = self._catalogue.topics.get(request.topic)
        if topic is None:
            check("topics", request.topic)
            raise not_found("Topic not found")
        messages = request.messages
        check_publish(len(messages), request.ByteSize())
        for message in messages:
            check_message(message)
        check_one_key(messages)
        if topic.config.HasField("schema_settings"):
            await self._broker.schemas.validate(topic.config.schema_settings, messages)
            if topic.deleted:
                raise not_found("Topic not found")
        ids, group = self._broker.publish(topic, messages)
        await self._broker.committer.outcome(group.written)
        return PublishResponse(message_ids=map(str, ids))

    async def get_topic(self, request: Any, _context: Any) -> Any:
        """A topic's settings."""
        return self._described(self._catalogue.find_topic(check("topics", request.topic)))

    async def list_topics(self, request: Any, _context: Any) -> Any:
        """A project's topics."""
        project = check_project(request.project)
        topics = {name: topic for name, topic in self._catalogue.topics.items() if name.startswith(f"{project}/")}
        found, token = page(topics, request.page_size, request.page_token)
        return ListTopicsResponse(topics=map(self._described, found), next_page_token=token)

    async def list_topic_subscriptions(self, request: Any, _context: Any) -> Any:
        """The names of a topic's subscriptions."""
        topic = self._catalogue.find_topic(check("topics", request.topic))
        names = {channel.name: channel.name for channel in topic.channels.values()}
        found, token = page(names, request.page_size, request.page_token)
        return ListTopicSubscriptionsResponse(subscriptions=found, next_page_token=token)

    async def list_topic_snapshots(self, request: Any, _context: Any) -> Any:
        """The names of a topic's snapshots."""
        topic = self._catalogue.find_topic(check("topics", request.topic))
        names = {snapshot.name: snapshot.name for snapshot in topic.snapshots.values()}
        found, token = page(names, request.page_size, request.page_token)
        return ListTopicSnapshotsResponse(snapshots=found, next_page_token=token)

    async def detach_subscription(self, request: Any, _context: Any) -> Any:
        """Part a subscription from its topic."""
        channel = await self._catalogue.detach_subscription(check("subscriptions", request.subscription))
        self._broker.sweep(channel.topic)
        return DetachSubscriptionResponse()

    async def delete_topic(self, request: Any, _context: Any) -> Any:
        """Delete a topic."""
        topic = await self._catalogue.delete_topic(check("topics", request.topic))
        self._broker.sweep(topic)
        return Empty()

    def _described(self, topic: Topic) -> Any:
        """A topic's settings; a deleted schema is not named in them any more."""
        if not topic.config.HasField("schema_settings"):
            return topic.config
        config = type(topic.config)()
        config.CopyFrom(topic.config)
        config.schema_settings.CopyFrom(self._broker.schemas.shown(config.schema_settings))
        return config
