"""google-cloud-pubsub's high-level clients, as anybody uses them: nothing but PUBSUB_EMULATOR_HOST is set."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.types import BatchSettings, FlowControl, PublisherOptions
from pubsub_kit import Broker, eventually


@pytest.fixture(autouse=True)
def environment(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker.address)


@contextmanager
def publishing(**options: object) -> Iterator[pubsub_v1.PublisherClient]:
    client = pubsub_v1.PublisherClient(BatchSettings(max_latency=0.005), **options)
    try:
        yield client
    finally:
        client.stop()
        client.transport.close()


class Subscriber:
    """A subscriber that acknowledges, or refuses what it sees for the first time."""

    def __init__(self, subscription: str, *, refuse_first: bool = False, max_messages: int = 1_000) -> None:
        self.data: list[bytes] = []
        self._refuse_first = refuse_first
        self._lock = threading.Lock()
        self._client = pubsub_v1.SubscriberClient()
        flow = FlowControl(max_messages=max_messages)
        self._future = self._client.subscribe(subscription, self._received, flow_control=flow)

    def _received(self, message: object) -> None:
        with self._lock:
            first = message.data not in self.data
            self.data.append(message.data)
        if first and self._refuse_first:
            message.nack()
        else:
            message.ack()

    def close(self) -> None:
        self._future.cancel()
        self._future.result(timeout=30)
        self._client.close()


@pytest.fixture
def subscribers() -> Iterator[list[Subscriber]]:
    made: list[Subscriber] = []
    yield made
    for one in made:
        one.close()


def test_what_is_published_is_received_and_acknowledged(broker: Broker, subscribers: list[Subscriber]) -> None:
    topic, subscription = broker.pair()
    subscribers += [Subscriber(subscription), Subscriber(subscription)]
    data = [b"%d" % n for n in range(500)]
    with publishing() as publisher:
        futures = [publisher.publish(topic, one, n=str(n)) for n, one in enumerate(data)]
        assert len({future.result(timeout=30) for future in futures}) == 500
    eventually(lambda: sum(len(one.data) for one in subscribers) >= 500, "all messages")
    assert sorted(subscribers[0].data + subscribers[1].data) == sorted(data)
    for one in subscribers:
        one.close()
    subscribers.clear()
    if broker.kind == "embedded":  # Google's hands messages to streams that have gone
        assert broker.is_empty(subscription)


def test_refused_messages_come_again(broker: Broker, subscribers: list[Subscriber]) -> None:
    topic, subscription = broker.pair()
    subscribers.append(Subscriber(subscription, refuse_first=True))
    broker.publish(topic, *[b"%d" % n for n in range(20)])
    eventually(lambda: len(subscribers[0].data) >= 40, "every message twice")
    assert {subscribers[0].data.count(b"%d" % n) for n in range(20)} == {2}


def test_keyed_messages_come_in_order(broker: Broker, subscribers: list[Subscriber]) -> None:
    topic, subscription = broker.pair(enable_message_ordering=True)
    with publishing(publisher_options=PublisherOptions(enable_message_ordering=True)) as publisher:
        for future in [publisher.publish(topic, b"%d" % n, ordering_key="k") for n in range(200)]:
            future.result(timeout=30)
    subscribers.append(Subscriber(subscription, max_messages=30))
    eventually(lambda: len(subscribers[0].data) >= 200, "all messages")
    assert subscribers[0].data == [b"%d" % n for n in range(200)]


def test_an_exactly_once_subscription_is_usable(broker: Broker, subscribers: list[Subscriber]) -> None:
    topic, subscription = broker.pair(enable_exactly_once_delivery=True)
    subscribers.append(Subscriber(subscription))
    broker.publish(topic, b"x")
    eventually(lambda: subscribers[0].data, "the message")
