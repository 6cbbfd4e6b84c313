"""Ordering keys (cloud.google.com/pubsub/docs/ordering)."""

import pytest
from pubsub_kit import Broker, data_of

NACK = "after a nack of a key's first message, what was out of the key does not come again"


def publish_keyed(broker: Broker, topic: str, *names: str) -> None:
    """Messages whose key is the first letter of their name; no request may have two keys."""
    for name in names:
        broker.publish(topic, name.encode(), ordering_key=name[0])


def of_key(received: list[object], key: str) -> list[str]:
    return [data.decode() for data in data_of(received) if data.decode()[0] == key]


def test_each_key_comes_in_order(broker: Broker) -> None:
    topic, subscription = broker.pair(enable_message_ordering=True)
    names = [f"{key}{n}" for n in range(5) for key in "AB"]
    publish_keyed(broker, topic, *names)
    got = broker.pull_all(subscription, 10)
    assert of_key(got, "A") == ["A0", "A1", "A2", "A3", "A4"]
    assert of_key(got, "B") == ["B0", "B1", "B2", "B3", "B4"]


def test_a_key_waits_while_a_message_of_it_is_out(broker: Broker) -> None:
    topic, subscription = broker.pair(enable_message_ordering=True)
    publish_keyed(broker, topic, "A0", "A1", "B0")
    [first] = broker.pull(subscription, 1)
    assert of_key(broker.pull(subscription), "B") == ["B0"]
    assert broker.is_empty(subscription)
    broker.ack(subscription, first)
    assert of_key(broker.pull(subscription), "A") == ["A1"]


@pytest.mark.embedded_only(NACK)
def test_a_refused_message_comes_again_with_all_that_follow_it(broker: Broker) -> None:
    topic, subscription = broker.pair(enable_message_ordering=True)
    publish_keyed(broker, topic, "A0", "A1", "A2")
    received = broker.pull_all(subscription, 3)
    broker.ack(subscription, received[0])
    broker.modify(subscription, 0, received[1])
    assert of_key(broker.pull_all(subscription, 2), "A") == ["A1", "A2"]


def test_messages_without_a_key_do_not_wait(broker: Broker) -> None:
    topic, subscription = broker.pair(enable_message_ordering=True)
    broker.publish(topic, b"1", b"2")
    assert len(broker.pull(subscription, 1)) == 1
    assert len(broker.pull(subscription, 1)) == 1


def test_a_subscription_without_ordering_shows_the_key_and_does_not_wait(broker: Broker) -> None:
    topic, subscription = broker.pair()
    publish_keyed(broker, topic, "A0", "A1")
    [first] = broker.pull(subscription, 1)
    assert first.message.ordering_key == "A"
    assert of_key(broker.pull(subscription, 1), "A") == ["A1"]
