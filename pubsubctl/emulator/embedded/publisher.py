"""google.pubsub.v1.Publisher."""

from typing import Any

from pubsubctl.emulator.embedded import settings
from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.limits import check_message, check_publish
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


class Publisher:
    """The RPCs, named as in the API in snake case; each takes a request and returns a response, or raises Refusal."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._catalogue = broker.catalogue

    async def create_topic(self, request: Any, _context: Any) -> Any:
        """Add a topic."""
        return (await self._catalogue.create_topic(settings.complete_topic(request))).config

    async def update_topic(self, request: Any, _context: Any) -> Any:
        """Change what the mask names."""
        settings.check_mask(request.update_mask, "Topic")
        name = check("topics", request.topic.name)
        changed = await self._catalogue.update_topic(name, lambda config: settings.updated_topic(config, request))
        return changed.config

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
        ids, group = self._broker.publish(topic, messages)
        await self._broker.committer.outcome(group.written)
        return PublishResponse(message_ids=map(str, ids))

    async def get_topic(self, request: Any, _context: Any) -> Any:
        """A topic's settings."""
        return self._catalogue.find_topic(check("topics", request.topic)).config

    async def list_topics(self, request: Any, _context: Any) -> Any:
        """A project's topics."""
        project = check_project(request.project)
        topics = {name: topic for name, topic in self._catalogue.topics.items() if name.startswith(f"{project}/")}
        found, token = page(topics, request.page_size, request.page_token)
        return ListTopicsResponse(topics=[topic.config for topic in found], next_page_token=token)

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
