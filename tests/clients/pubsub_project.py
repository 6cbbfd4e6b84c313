"""A project at the emulator, with google-cloud-pubsub's generated clients for it."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage
from waiting import PATIENCE_S


@dataclass
class Project:
    """Names and clients; ids are numbered, so that each is used once and their order is that of lists."""

    name: str
    publisher: PublisherClient
    subscriber: SubscriberClient
    schemas: SchemaServiceClient
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    @contextlib.contextmanager
    def opened(cls, name: str, address: str, transport: str) -> Iterator[Project]:
        """Connect clients to the emulator.

        Args:
            name: the project's id.
            address: host:port of the emulator.
            transport: ``grpc`` or ``rest``.
        """
        with contextlib.ExitStack() as clients:
            kinds = PublisherClient, SubscriberClient, SchemaServiceClient
            yield cls(name, *[clients.enter_context(_connected(kind, address, transport)) for kind in kinds])

    @property
    def path(self) -> str:
        return f"projects/{self.name}"

    def new(self, collection: str) -> str:
        """A resource name nobody uses yet."""
        return f"{self.path}/{collection}/{collection}-{next(self._numbers):03}"

    def topic(self, **settings: Any) -> str:
        return self.publisher.create_topic(request={"name": self.new("topics"), **settings}).name

    def subscription(self, topic: str, **settings: Any) -> str:
        wanted = {"name": self.new("subscriptions"), "topic": topic, **settings}
        return self.subscriber.create_subscription(request=wanted).name

    def pair(self, **settings: Any) -> tuple[str, str]:
        """A topic, and a subscription to it with these settings."""
        topic = self.topic()
        return topic, self.subscription(topic, **settings)

    def publish(self, topic: str, *data: bytes, **fields: Any) -> list[str]:
        """Publish messages with these data, and the same other fields, in one request."""
        messages = [PubsubMessage(data=one, **fields) for one in data]
        return list(self.publisher.publish(topic=topic, messages=messages).message_ids)

    def pull(self, subscription: str, count: int, *, within_s: float = PATIENCE_S) -> list[ReceivedMessage]:
        """Pull until ``count`` messages came."""
        received: list[ReceivedMessage] = []
        give_up = time.monotonic() + within_s
        while len(received) < count:
            assert time.monotonic() < give_up, f"{len(received)} of {count} messages came"
            missing = count - len(received)
            answer = self.subscriber.pull(subscription=subscription, max_messages=missing, timeout=within_s)
            received += answer.received_messages
        return received

    def ack(self, subscription: str, *received: ReceivedMessage) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in received])

    def is_empty(self, subscription: str) -> bool:
        """Nothing can be had at once."""
        wanted = {"subscription": subscription, "max_messages": 1, "return_immediately": True}
        with pytest.deprecated_call(match="return_immediately"):
            return not self.subscriber.pull(request=wanted, timeout=5).received_messages


def _connected(kind: Any, address: str, transport: str) -> Any:
    found = kind.get_transport_class(transport)
    if transport == "rest":
        return kind(transport=found(host=address, url_scheme="http", credentials=AnonymousCredentials()))
    return kind(transport=found(channel=grpc.insecure_channel(address)))


def data_of(received: list[ReceivedMessage]) -> list[bytes]:
    """What the messages carry."""
    return [one.message.data for one in received]
