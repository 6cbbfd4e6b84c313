"""Publish: ids, times, and the limits of cloud.google.com/pubsub/quotas."""

import datetime as dt
from typing import Any

import pytest
from grpc import StatusCode
from pubsub_kit import Broker, refused

ATTRIBUTE_LIMITS = "attribute limits are not enforced"


def test_ids_rise_and_are_unique(broker: Broker) -> None:
    topic, _ = broker.pair()
    ids = [int(id_) for _ in range(3) for id_ in broker.publish(topic, b"a", b"b", b"c")]
    assert ids == sorted(set(ids))
    assert len(ids) == 9


def test_a_message_arrives_as_it_was_published(broker: Broker) -> None:
    topic, subscription = broker.pair()
    [id_] = broker.publish(topic, b"\x00data\xff", attributes={"a": "1", "ä": "ü"}, ordering_key="key")
    [received] = broker.pull(subscription)
    message = received.message
    assert (message.data, dict(message.attributes), message.ordering_key, message.message_id) == (
        b"\x00data\xff",
        {"a": "1", "ä": "ü"},
        "key",
        id_,
    )
    age = dt.datetime.now(dt.UTC) - message.publish_time
    assert abs(age.total_seconds()) < 30


def test_what_the_publisher_sets_of_id_and_time_is_replaced(broker: Broker) -> None:
    topic, subscription = broker.pair()
    then = dt.datetime(2001, 2, 3, 4, 5, 6, 7, dt.UTC)
    [id_] = broker.publish(topic, b"x", message_id="mine", publish_time=then)
    [received] = broker.pull(subscription)
    assert received.message.message_id == id_ != "mine"
    assert received.message.publish_time.year > 2020


@pytest.mark.parametrize(
    "message",
    [
        {"attributes": {"a": ""}},
        {"data": b"x", "attributes": {"k" * 256: "v"}},
        {"data": b"x", "attributes": {"k": "v" * 1024}},
        {"data": b"x", "attributes": {str(n): "v" for n in range(100)}},
        {"data": b"x", "attributes": {"googclient_traceparent": "00"}},
        {"data": b"x", "ordering_key": "k" * 1024},
        {"data": b"x" * 9_999_000},
    ],
    ids=["attributes-only", "key-256", "value-1024", "attributes-100", "goog-prefix", "ordering-key-1024", "size"],
)
def test_a_message_at_its_limits_is_taken(broker: Broker, message: dict[str, Any]) -> None:
    topic, subscription = broker.pair()
    broker.publisher.publish(topic=topic, messages=[message])
    [received] = broker.pull(subscription)
    assert received.message.data == message.get("data", b"")
    assert dict(received.message.attributes) == message.get("attributes", {})


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], "No messages to publish"),
        ([{}], "Some messages are empty"),
        ([{"ordering_key": "k"}], "Some messages are empty"),
        ([{"data": b"x"}, {}], "Some messages are empty"),
        ([{"data": b"x"}] * 1001, "Too many messages to publish"),
    ],
    ids=["none", "empty", "key-only", "one-empty", "1001"],
)
def test_a_publish_that_cannot_be(broker: Broker, messages: list[Any], text: str) -> None:
    topic, subscription = broker.pair()
    with refused(StatusCode.INVALID_ARGUMENT, text):
        broker.publisher.publish(topic=topic, messages=messages)
    assert broker.is_empty(subscription)


@pytest.mark.embedded_only(ATTRIBUTE_LIMITS)
@pytest.mark.parametrize(
    "message",
    [
        {"data": b"x", "attributes": {"k" * 257: "v"}},
        {"data": b"x", "attributes": {"é" * 129: "v"}},
        {"data": b"x", "attributes": {"k": "v" * 1025}},
        {"data": b"x", "attributes": {"k": "é" * 513}},
        {"data": b"x", "attributes": {str(n): "v" for n in range(101)}},
        {"data": b"x", "ordering_key": "k" * 1025},
        {"data": b"x" * 10_000_001},
    ],
    ids=["key-257", "key-258-bytes", "value-1025", "value-1026-bytes", "attributes-101", "ordering-key", "size"],
)
def test_a_message_beyond_a_limit_is_refused(broker: Broker, message: dict[str, Any]) -> None:
    topic, _ = broker.pair()
    with refused(StatusCode.INVALID_ARGUMENT):
        broker.publisher.publish(topic=topic, messages=[message])


def test_a_thousand_messages_in_one_request(broker: Broker) -> None:
    topic, subscription = broker.pair()
    data = [str(n).encode() for n in range(1000)]
    assert len(broker.publish(topic, *data)) == 1000
    assert sorted(one.message.data for one in broker.pull_all(subscription, 1000)) == sorted(data)


def test_every_subscription_gets_every_message_published_after_it(broker: Broker) -> None:
    topic, first = broker.pair()
    broker.publish(topic, b"1")
    second = broker.subscription(topic)
    broker.publish(topic, b"2")
    assert {one.message.data for one in broker.pull_all(first, 2)} == {b"1", b"2"}
    assert [one.message.data for one in broker.pull(second)] == [b"2"]


def test_a_topic_without_subscriptions_takes_messages(broker: Broker) -> None:
    topic = broker.topic()
    assert broker.publish(topic, b"x")


def test_an_improper_topic_name_is_refused(broker: Broker) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "Invalid [topics] name: (name=nonsense)"):
        broker.publish("nonsense", b"x")
