"""Publishers: one thread for each topic, at a steady rate with bursts."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import grpc
from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    DeadlineExceeded,
    GoogleAPICallError,
    InternalServerError,
    ServiceUnavailable,
    Unknown,
)
from google.api_core.retry import Retry, if_exception_type
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.types import BatchSettings, LimitExceededBehavior, PublisherOptions, PublishFlowControl
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from soaking.broker import BrokerProcess
from soaking.content import Content
from soaking.publications import Publication
from soaking.scene import Topic

TICK_S = 0.1
BURST = 30
BURST_RATE = 0.02
LIMIT = 1_000
LAST_ATTEMPTS = 20
TIMEOUT_S = 60.0
OUTSTANDING = PublishFlowControl(message_limit=2_000, limit_exceeded_behavior=LimitExceededBehavior.BLOCK)
RETRY = Retry(
    predicate=if_exception_type(Aborted, Cancelled, DeadlineExceeded, InternalServerError, ServiceUnavailable, Unknown),
    initial=0.1,
    maximum=1.0,
    multiplier=1.5,
    timeout=TIMEOUT_S,
)
"""The client's own would wait for up to a minute after some attempts in vain."""


class Publishing:
    """Publishes to one topic until it is stopped."""

    def __init__(self, topic: Topic, broker: BrokerProcess, *, rate: float, may_go_on: Callable[[], bool]) -> None:
        """Nothing happens before ``start``.

        Args:
            topic: what is published to.
            broker: the emulator.
            rate: messages a second of a topic of usual size.
            may_go_on: tells whether the consumers keep up.
        """
        self._topic = topic
        self._broker = broker
        self._per_tick = rate * topic.share * TICK_S
        self._may_go_on = may_go_on
        self._settling = False
        self._stopping = threading.Event()
        self._random = random.Random()
        self._thread = threading.Thread(target=self._run, name=f"publish-{topic.id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def settle(self, settling: bool) -> None:
        """Publish nothing for a while, or go on."""
        self._settling = settling

    def stop(self) -> None:
        """Publish nothing more."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait until all was answered or given up."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        contents = (
            Content(self._topic.id, 1, number, doomed=self._random.random() < self._topic.doomed)
            for number in itertools.count()
        )
        publish = (_Bare if self._topic.bare else _Client)(self._topic, self._broker)
        due = 0.0
        while not self._stopping.wait(TICK_S):
            if not self._settling and self._may_go_on():
                due += self._per_tick * (BURST if self._random.random() < BURST_RATE else 1)
                if batch := list(itertools.islice(contents, min(int(due), LIMIT))):
                    publish(batch)
                due %= 1
        publish.finish()


def publish_last(topic: Topic, broker: BrokerProcess) -> None:
    """Publish one more message of each kind: when they have come, the consumers are there, with all from before."""
    publish = _Bare(topic, broker)
    for number in range(0, 2 * LAST_ATTEMPTS, 2):
        contents = [Content(topic.id, 2, number)]
        if topic.doomed:
            contents.append(Content(topic.id, 3, number, doomed=True))
        publish(contents)
        if topic.published.is_answered(contents[0].own):
            break
    publish.finish()


class _Client:
    """The publisher client, with its batches and retries."""

    def __init__(self, topic: Topic, broker: BrokerProcess) -> None:
        self._topic = topic
        self._broker = broker
        options = PublisherOptions(enable_message_ordering=bool(topic.keys), flow_control=OUTSTANDING, retry=RETRY)
        self._client = pubsub_v1.PublisherClient(BatchSettings(max_messages=50, max_latency=0.01), options)
        self._pending: set[Future[str]] = set()

    def __call__(self, contents: list[Content]) -> None:
        for content in contents:
            _start(self._topic, content)
            key = _key(self._topic, content)
            future = self._client.publish(
                self._topic.name, content.data(self._topic.size), ordering_key=key, **content.attributes
            )
            self._pending.add(future)
            future.add_done_callback(partial(self._done, content.own, key))

    def finish(self) -> None:
        """Wait for what is on its way."""
        give_up = time.monotonic() + TIMEOUT_S
        while self._pending and time.monotonic() < give_up:
            time.sleep(TICK_S)
        self._client.stop()
        self._client.transport.close()

    def _done(self, own: str, key: str, future: Any) -> None:
        self._pending.discard(future)
        if future.exception() is None:
            self._broker.passes("publish")
            self._topic.published.answered(own, int(future.result()), time.monotonic())
            return
        self._topic.published.not_answered(1)
        if key:
            self._client.resume_publish(self._topic.name, key)


class _Bare:
    """One request for each call, without batches and retries."""

    def __init__(self, topic: Topic, broker: BrokerProcess) -> None:
        self._topic = topic
        self._broker = broker
        self._channel = grpc.insecure_channel(broker.address)
        self._client = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))

    def __call__(self, contents: list[Content]) -> None:
        published = self._topic.published
        for content in contents:
            _start(self._topic, content)
        messages = [{"data": one.data(self._topic.size), "attributes": one.attributes} for one in contents]
        try:
            answer = self._client.publish(topic=self._topic.name, messages=messages, retry=None, timeout=TIMEOUT_S)
        except GoogleAPICallError:
            published.not_answered(len(contents))
            return
        self._broker.passes("publish")
        for content, message_id in zip(contents, answer.message_ids, strict=True):
            published.answered(content.own, int(message_id), time.monotonic())

    def finish(self) -> None:
        """Nothing is on its way."""
        self._channel.close()


def _start(topic: Topic, content: Content) -> None:
    topic.published.started(content.own, Publication(topic.size, time.time(), content.doomed))


def _key(topic: Topic, content: Content) -> str:
    return f"key-{content.number % topic.keys}" if topic.keys else ""
