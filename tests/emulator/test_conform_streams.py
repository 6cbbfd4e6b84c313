"""StreamingPull: flow control, deadlines, acks, and streams that go away."""

import time

import pytest
from grpc import StatusCode
from pubsub_kit import Broker, data_of, eventually

ZOMBIE = "goes on handing messages to a cancelled stream for 20 to 41 s"
FLOW = "ignores flow control"


def test_messages_come_as_they_are_published(broker: Broker) -> None:
    topic, subscription = broker.pair()
    stream = broker.stream(subscription)
    for n in range(3):
        broker.publish(topic, b"%d" % n)
        assert data_of(stream.wait_for(n + 1))[-1] == b"%d" % n


def test_a_backlog_comes_in_order(broker: Broker) -> None:
    topic, subscription = broker.pair()
    data = [b"%d" % n for n in range(300)]
    broker.publish(topic, *data)
    assert data_of(broker.stream(subscription).wait_for(300)) == data


def test_acks_on_the_stream_and_beside_it(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"1", b"2")
    stream = broker.stream(subscription)
    first, second = stream.wait_for(2)
    broker.ack(subscription, first)
    stream.ack(second)
    stream.half_close()
    assert stream.wait_end() is StatusCode.OK
    broker.modify(subscription, 0, first, second)
    assert broker.is_empty(subscription)


def test_a_refused_message_comes_again_on_the_stream(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    stream = broker.stream(subscription)
    stream.modify(0, stream.wait_for(1)[0])
    assert data_of(stream.wait_for(2)) == [b"x", b"x"]


def test_a_message_that_is_not_acknowledged_comes_again(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    stream = broker.stream(subscription, deadline_s=60)
    stream.modify(2, stream.wait_for(1)[0])
    started = time.monotonic()
    stream.wait_for(2)
    assert 1.5 < time.monotonic() - started < 5


@pytest.mark.embedded_only(FLOW)
def test_no_more_messages_are_out_than_the_stream_asked_for(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, *[b"%d" % n for n in range(10)])
    stream = broker.stream(subscription, max_outstanding_messages=3)
    stream.wait_for(3)
    assert broker.pull(subscription, 1)  # the server has had its turn, and gave the fourth to someone else
    assert len(stream.received) == 3
    stream.ack(stream.received[0])
    stream.wait_for(4)
    stream.modify(0, *stream.received[1:3])
    stream.wait_for(6)
    assert broker.pull(subscription, 1)
    assert len(stream.received) == 6


@pytest.mark.embedded_only(FLOW)
def test_no_more_bytes_are_out_than_the_stream_asked_for(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, *[b"x" * 60] * 6)
    stream = broker.stream(subscription, max_outstanding_bytes=200)
    stream.wait_for(2)
    assert broker.pull(subscription, 1)
    assert len(stream.received) == 2
    stream.ack(*stream.received)
    stream.wait_for(4)


@pytest.mark.embedded_only(FLOW)
def test_a_message_larger_than_the_flow_control_goes_alone(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x" * 1000, b"y" * 1000)
    stream = broker.stream(subscription, max_outstanding_bytes=100)
    stream.wait_for(1)
    assert broker.pull(subscription, 1)
    assert len(stream.received) == 1


@pytest.mark.embedded_only("19 to 1")
def test_two_streams_share(broker: Broker) -> None:
    topic, subscription = broker.pair()
    streams = [broker.stream(subscription), broker.stream(subscription)]
    warm_up = 0
    while not all(stream.received for stream in streams):
        broker.publish(topic, b"warm")
        warm_up += 1
        eventually(lambda count=warm_up: sum(len(stream.received) for stream in streams) == count, "the message")
    before = [len(stream.received) for stream in streams]
    broker.publish(topic, *[b"x"] * 20)
    eventually(lambda: sum(len(stream.received) for stream in streams) == warm_up + 20, "all messages")
    assert [len(stream.received) - had for stream, had in zip(streams, before, strict=True)] == [10, 10]


def test_large_messages(broker: Broker) -> None:
    topic, subscription = broker.pair()
    for _ in range(4):
        broker.publish(topic, b"x" * 3_000_000)
    stream = broker.stream(subscription)
    assert {len(data) for data in data_of(stream.wait_for(4))} == {3_000_000}


@pytest.mark.embedded_only(ZOMBIE)
def test_a_cancelled_stream_gets_nothing_more(broker: Broker) -> None:
    topic, subscription = broker.pair()
    stream = broker.stream(subscription)
    broker.publish(topic, b"1")
    stream.wait_for(1)
    stream.cancel()
    for n in range(20):
        broker.publish(topic, b"%d" % n)
    assert len(broker.pull_all(subscription, 20)) == 20


@pytest.mark.embedded_only(ZOMBIE)
def test_what_a_cancelled_stream_held_comes_again_at_its_deadline(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    stream = broker.stream(subscription)
    broker.modify(subscription, 3, stream.wait_for(1)[0])
    started = time.monotonic()
    stream.cancel()
    assert broker.is_empty(subscription)
    assert data_of(broker.pull(subscription, timeout=10)) == [b"x"]
    assert 1.5 < time.monotonic() - started < 6


def test_a_half_closed_stream_ends_and_gets_nothing_more(broker: Broker) -> None:
    topic, subscription = broker.pair()
    stream = broker.stream(subscription)
    broker.publish(topic, b"1")
    stream.wait_for(1)
    stream.half_close()
    assert stream.wait_end() is StatusCode.OK
    broker.publish(topic, b"2")
    assert data_of(broker.pull(subscription)) == [b"2"]


@pytest.mark.parametrize("deadline_s", [5, 9, 601])
def test_stream_deadlines_have_bounds(broker: Broker, deadline_s: int) -> None:
    _, subscription = broker.pair()
    stream = broker.stream(subscription, deadline_s=deadline_s)
    assert stream.wait_end() is StatusCode.INVALID_ARGUMENT
    assert "must be between 10 and 600 seconds" in stream.error.details()


def test_a_stream_needs_a_deadline(broker: Broker) -> None:
    _, subscription = broker.pair()
    stream = broker.stream(subscription, deadline_s=0)
    assert stream.wait_end() is StatusCode.INVALID_ARGUMENT
    assert stream.error.details() == "first message must set stream_ack_deadline_seconds"


def test_a_stream_needs_its_subscription(broker: Broker) -> None:
    missing = broker.stream(broker.name("subscriptions", "missing"))
    assert missing.wait_end() is StatusCode.NOT_FOUND
    assert missing.error.details() == "Subscription does not exist (resource=missing)"
    improper = broker.stream("zz")
    assert improper.wait_end() is StatusCode.INVALID_ARGUMENT
    assert improper.error.details() == "Invalid [subscriptions] name: (name=zz)"


@pytest.mark.parametrize(
    ("request_fields", "text"),
    [
        ({"subscription": "zz"}, "subscription may only be set in first message"),
        ({"modify_deadline_ack_ids": ["a", "b"], "modify_deadline_seconds": [1]}, "must have the same size"),
        ({"ack_ids": ["garbage"]}, "Invalid ack id (ack_id=garbage)"),
        ({"modify_deadline_ack_ids": ["garbage"], "modify_deadline_seconds": [10]}, "Invalid ack id (ack_id=garbage)"),
    ],
    ids=["subscription", "lengths", "ack", "modify"],
)
def test_a_wrong_request_ends_the_stream(broker: Broker, request_fields: dict[str, object], text: str) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    stream = broker.stream(subscription)
    stream.wait_for(1)
    stream.send(**request_fields)
    assert stream.wait_end() is StatusCode.INVALID_ARGUMENT
    assert text in stream.error.details()


def test_requests_that_change_nothing_or_the_deadline(broker: Broker) -> None:
    topic, subscription = broker.pair()
    stream = broker.stream(subscription)
    stream.send()
    stream.send(client_id="someone")
    stream.send(stream_ack_deadline_seconds=30)
    broker.publish(topic, b"x")
    assert data_of(stream.wait_for(1)) == [b"x"]


def test_a_deleted_subscription_ends_its_streams(broker: Broker) -> None:
    _, subscription = broker.pair()
    topic = broker.subscriber.get_subscription(subscription=subscription).topic
    stream = broker.stream(subscription)
    broker.publish(topic, b"x")
    stream.wait_for(1)
    broker.subscriber.delete_subscription(subscription=subscription)
    assert stream.wait_end() is StatusCode.NOT_FOUND
    assert "Subscription does not exist (resource=" in stream.error.details()


def test_a_deleted_topic_leaves_the_stream(broker: Broker) -> None:
    topic, subscription = broker.pair()
    stream = broker.stream(subscription)
    broker.publish(topic, b"1")
    [received] = stream.wait_for(1)
    broker.publisher.delete_topic(topic=topic)
    stream.modify(0, received)
    assert data_of(stream.wait_for(2)) == [b"1", b"1"]
