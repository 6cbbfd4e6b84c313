"""google-cloud-pubsub's publisher: batches, ordering keys, flow control, tracing."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.publisher import exceptions
from google.cloud.pubsub_v1.publisher.futures import Future
from google.cloud.pubsub_v1.types import BatchSettings, LimitExceededBehavior, PublisherOptions, PublishFlowControl
from google.pubsub_v1.services.publisher.transports import PublisherRestTransport
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pubsub_project import Project, data_of

pytestmark = pytest.mark.usefixtures("environment")

RESULT_S = 20
LONG_S = 60


@contextmanager
def publishing(batch: BatchSettings | None = None, **options: Any) -> Iterator[PublisherClient]:
    """A publisher with these options; the block is to see that all is published, as leaving it closes the channel."""
    with PublisherClient(batch or BatchSettings(), PublisherOptions(**options)) as client:
        yield client


def outcome(publisher: PublisherClient, futures: list[Future]) -> list[str]:
    """Have the publisher publish what it still holds, and wait for the message ids."""
    publisher.stop()
    return [future.result(RESULT_S) for future in futures]


def test_messages_go_in_batches(project: Project) -> None:
    topic, subscription = project.pair()
    with publishing(BatchSettings(max_messages=10, max_latency=LONG_S)) as publisher:
        ids = outcome(publisher, [publisher.publish(topic, b"%d" % n) for n in range(50)])
    received = project.pull(subscription, 50)
    assert {one.message.message_id: one.message.data for one in received} == {
        id_: b"%d" % n for n, id_ in enumerate(ids)
    }
    # The messages of a request are published at one time.
    sizes = Counter(one.message.publish_time for one in received)
    assert (len(sizes) <= 7, max(sizes.values()) <= 10) == (True, True)


def test_a_batch_goes_when_it_is_large_or_old(project: Project) -> None:
    topic, subscription = project.pair()
    with publishing(BatchSettings(max_bytes=10_000, max_latency=LONG_S)) as publisher:
        futures = [publisher.publish(topic, bytes(6_000)) for _ in range(2)]
        futures[0].result(RESULT_S)
        assert not futures[1].done()
        outcome(publisher, futures)
    with publishing(BatchSettings(max_latency=0.05)) as publisher:
        publisher.publish(topic, b"alone").result(RESULT_S)
    assert len(project.pull(subscription, 3)) == 3


def test_batches_go_over_rest_too(project: Project, emulator: str) -> None:
    topic, subscription = project.pair()
    rest = PublisherRestTransport(host=emulator, url_scheme="http", credentials=AnonymousCredentials())
    with PublisherClient(transport=rest) as publisher:
        ids = outcome(publisher, [publisher.publish(topic, b"%d" % n) for n in range(250)])
    assert {one.message.message_id for one in project.pull(subscription, 250)} == set(ids)


def test_the_largest_batch_that_the_client_makes_is_taken(project: Project) -> None:
    topic, subscription = project.pair()
    with publishing(BatchSettings(max_bytes=10_000_000, max_messages=1_000, max_latency=LONG_S)) as publisher:
        ids = outcome(publisher, [publisher.publish(topic, bytes(99_000)) for _ in range(110)])
    assert len(set(ids)) == 110
    assert len(project.pull(subscription, 110)) == 110


def test_messages_keep_the_order_of_their_key(project: Project) -> None:
    topic, subscription = project.pair(enable_message_ordering=True)
    with publishing(BatchSettings(max_messages=7), enable_message_ordering=True) as publisher:
        futures = [publisher.publish(topic, b"%d" % n, ordering_key=key) for n in range(40) for key in ("a", "b", "c")]
        assert len({future.result(RESULT_S) for future in futures}) == 120
    seen: dict[str, list[bytes]] = {"a": [], "b": [], "c": []}
    while sum(map(len, seen.values())) < 120:
        received = project.pull(subscription, 1)
        for one in received:
            seen[one.message.ordering_key].append(one.message.data)
        project.ack(subscription, *received)
    assert set(map(tuple, seen.values())) == {tuple(b"%d" % n for n in range(40))}


def test_a_key_that_failed_is_paused_until_it_is_resumed(project: Project) -> None:
    topic = project.new("topics")
    with publishing(enable_message_ordering=True) as publisher:
        with pytest.raises(NotFound, match="Topic not found"):
            publisher.publish(topic, b"1", ordering_key="k").result(RESULT_S)
        with pytest.raises(exceptions.PublishToPausedOrderingKeyException):
            publisher.publish(topic, b"2", ordering_key="k").result(RESULT_S)
        project.publisher.create_topic(name=topic)
        subscription = project.subscription(topic, enable_message_ordering=True)
        publisher.publish(topic, b"other", ordering_key="l").result(RESULT_S)
        publisher.resume_publish(topic, "k")
        publisher.publish(topic, b"3", ordering_key="k").result(RESULT_S)
    assert sorted(data_of(project.pull(subscription, 2))) == [b"3", b"other"]


def test_a_publisher_may_wait_for_room(project: Project) -> None:
    topic, subscription = project.pair()
    limits = PublishFlowControl(message_limit=5, limit_exceeded_behavior=LimitExceededBehavior.BLOCK)
    with publishing(BatchSettings(max_messages=5, max_latency=0.005), flow_control=limits) as publisher:
        futures = [publisher.publish(topic, b"%d" % n) for n in range(50)]
        assert sum(not future.done() for future in futures) <= 5
        assert len(set(outcome(publisher, futures))) == 50
    assert len(project.pull(subscription, 50)) == 50


def test_a_publisher_may_refuse_what_it_has_no_room_for(project: Project) -> None:
    topic, subscription = project.pair()
    limits = PublishFlowControl(message_limit=2, limit_exceeded_behavior=LimitExceededBehavior.ERROR)
    with publishing(BatchSettings(max_latency=LONG_S), flow_control=limits) as publisher:
        futures = [publisher.publish(topic, b"%d" % n) for n in range(3)]
        with pytest.raises(exceptions.FlowControlLimitError):
            futures[2].result(RESULT_S)
        outcome(publisher, futures[:2])
    assert sorted(data_of(project.pull(subscription, 2))) == [b"0", b"1"]


def test_what_fits_no_request_is_refused_before_it_is_sent(project: Project) -> None:
    topic = project.topic()
    with publishing() as publisher, pytest.raises(exceptions.MessageTooLargeError):
        publisher.publish(topic, bytes(10_000_001))


def test_the_context_of_a_trace_goes_with_the_message(project: Project) -> None:
    trace.set_tracer_provider(TracerProvider())
    topic, subscription = project.pair()
    with publishing(enable_open_telemetry_tracing=True) as publisher:
        publisher.publish(topic, b"x", a="b").result(RESULT_S)
    (received,) = project.pull(subscription, 1)
    assert set(received.message.attributes) == {"a", "googclient_traceparent"}
