"""google.pubsub.v1.Subscriber, without its streams."""

import asyncio
from typing import Any

from pubsubctl.emulator.embedded import ackfailures, limits, settings
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.names import DELETED_TOPIC, check, check_project, generated, project_of
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.pages import page
from pubsubctl.emulator.embedded.protocol import Empty, ListSubscriptionsResponse
from pubsubctl.emulator.embedded.replay import Replay
from pubsubctl.emulator.embedded.status import Refusal, invalid, not_found

POLL_S = 90.0
ANSWER_BEFORE_S = 1.0


class Subscriber(Replay):
    """The RPCs, named as in the API in snake case; each takes a request and returns a response, or raises Refusal."""

    async def create_subscription(self, request: Any, _context: Any) -> Any:
        """Add a subscription."""
        check("topics", request.topic)
        request.name = request.name or generated("subscriptions", project_of(request.topic))
        config = settings.complete_subscription(request)
        self._check_dead_letter_topic(config)
        return described(await self._catalogue.create_subscription(config))

    async def get_subscription(self, request: Any, _context: Any) -> Any:
        """A subscription's settings."""
        return described(self._channel(request.subscription))

    async def update_subscription(self, request: Any, _context: Any) -> Any:
        """Change what the mask names."""
        settings.check_mask(request.update_mask, "Subscription")
        name = check("subscriptions", request.subscription.name)

        def changed(old: Any) -> Any:
            config = settings.updated_subscription(old, request)
            if any(path.startswith("dead_letter_policy") for path in request.update_mask.paths):
                self._check_dead_letter_topic(config)
            return config

        return described(await self._catalogue.update_subscription(name, changed))

    async def list_subscriptions(self, request: Any, _context: Any) -> Any:
        """A project's subscriptions."""
        project = check_project(request.project)
        channels = {name: one for name, one in self._catalogue.channels.items() if name.startswith(f"{project}/")}
        found, token = page(channels, request.page_size, request.page_token)
        return ListSubscriptionsResponse(subscriptions=map(described, found), next_page_token=token)

    async def delete_subscription(self, request: Any, _context: Any) -> Any:
        """Delete a subscription and what it has not delivered."""
        channel = await self._catalogue.delete_subscription(check("subscriptions", request.subscription))
        self._broker.sweep(channel.topic)
        return Empty()

    async def modify_push_config(self, request: Any, _context: Any) -> Any:
        """Push to another endpoint, or let the messages be pulled."""
        name = check("subscriptions", request.subscription)
        self._catalogue.find_channel(name)
        await self._catalogue.update_subscription(name, lambda old: settings.with_push(old, request.push_config))
        return Empty()

    async def pull(self, request: Any, context: Any) -> Any:
        """Answered when there is a message, or shortly before the caller's deadline."""
        channel = self._channel(request.subscription)
        if request.max_messages <= 0:
            raise invalid("No max_messages specified")
        channel.check_pullable()
        outlet = Outlet(max_messages=request.max_messages, ack_deadline_s=channel.config.ack_deadline_seconds)
        if request.return_immediately:
            batch = await channel.take(outlet, wait=False)
        else:
            batch = await _within(channel, outlet, _patience_s(context.time_remaining()))
        return channel.response(batch)

    async def acknowledge(self, request: Any, context: Any) -> Any:
        """Answered once the acks are in the log."""
        channel = self._channel(request.subscription)
        if not request.ack_ids:
            raise invalid("No ack ids specified.")
        failures = channel.ack(request.ack_ids)
        await self._broker.committer.outcome(self._broker.committer.open().acknowledged)
        if failures:
            raise _told(channel, request, failures, context)
        return Empty()

    async def modify_ack_deadline(self, request: Any, context: Any) -> Any:
        """Renew leases, or end them."""
        channel = self._channel(request.subscription)
        if not request.ack_ids:
            raise invalid("No ack ids specified")
        if failures := channel.modify(request.ack_ids, limits.lease(request.ack_deadline_seconds)):
            raise _told(channel, request, failures, context)
        return Empty()

    def _check_dead_letter_topic(self, config: Any) -> None:
        policy = config.dead_letter_policy
        if config.HasField("dead_letter_policy") and policy.dead_letter_topic not in self._catalogue.topics:
            raise not_found("Dead letter topic not found")


def described(channel: Channel) -> Any:
    """A subscription's settings, and of its topic's what it shows."""
    config = type(channel.config)()
    config.CopyFrom(channel.config)
    topic = channel.topic
    if topic.deleted:
        config.topic = DELETED_TOPIC
    elif topic.config.HasField("message_retention_duration"):
        config.topic_message_retention_duration.CopyFrom(topic.config.message_retention_duration)
    return config


def _told(channel: Channel, request: Any, failures: dict[str, str], context: Any) -> Refusal:
    """The refusal that names failures; of what it does not name, what did something is expected again."""
    refusal = ackfailures.refusal(failures, context)
    if len(refusal.metadata) < len(failures):
        channel.expect_again(ack_id for ack_id in request.ack_ids if ack_id not in failures)
    return refusal


def _patience_s(remaining_s: float | None) -> float:
    """How long a pull may wait: an empty answer is better than none."""
    if remaining_s is None:
        return POLL_S
    return min(POLL_S, max(remaining_s - ANSWER_BEFORE_S, remaining_s / 2))


async def _within(channel: Channel, outlet: Outlet, timeout_s: float) -> Any:
    handle = asyncio.get_running_loop().call_later(timeout_s, channel.dismiss, outlet)
    try:
        return await channel.take(outlet)
    finally:
        handle.cancel()
