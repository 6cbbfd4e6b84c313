"""google-cloud-pubsub's subscriber, and what it was given."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.futures import StreamingPullFuture
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler
from google.cloud.pubsub_v1.types import FlowControl
from waiting import PATIENCE_S, eventually

STOP_S = 30


class Received:
    """The messages that came, in their order."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._lock = threading.Lock()

    def add(self, message: Message) -> int:
        """Keep a message; how many there are now."""
        with self._lock:
            self.messages.append(message)
            return len(self.messages)

    @property
    def data(self) -> list[bytes]:
        with self._lock:
            return [message.data for message in self.messages]

    def wait_for(self, count: int, *, within_s: float = PATIENCE_S) -> list[Message]:
        """The messages, once there are ``count``."""
        eventually(lambda: len(self.messages) >= count, f"{count} messages", within_s=within_s)
        return self.messages


class Subscription:
    """A running subscriber.

    Attributes:
        received: what its callback was given.
        future: its end.
    """

    def __init__(self, received: Received, future: StreamingPullFuture) -> None:
        self.received = received
        self.future = future

    def stop(self) -> None:
        """End it, and wait until its threads have ended."""
        self.future.cancel()
        self.future.result(STOP_S)


@contextlib.contextmanager
def subscribed(
    name: str, act: Callable[[Message], object] = Message.ack, *, threads: int = 10, **flow: Any
) -> Iterator[Subscription]:
    """Receive the messages of a subscription until the block ends.

    Args:
        name: of the subscription.
        act: done with each message.
        threads: how many callbacks may run at a time.
        flow: settings of ``FlowControl``.
    """
    received = Received()

    def callback(message: Message) -> None:
        received.add(message)
        act(message)

    with SubscriberClient() as client:
        future = client.subscribe(
            name,
            callback,
            flow_control=FlowControl(**flow),
            scheduler=ThreadScheduler(ThreadPoolExecutor(threads)),
            await_callbacks_on_shutdown=True,
        )
        subscription = Subscription(received, future)
        try:
            yield subscription
        finally:
            subscription.stop()
