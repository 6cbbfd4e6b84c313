"""Dead letters and the back-off between deliveries."""

import itertools
import re
import time

import pytest
from pubsub_kit import Broker, eventually, seconds


def dead_letter_pair(broker: Broker, attempts: int = 5) -> tuple[str, str, str]:
    """A topic, its subscription, and the subscription to its dead letters."""
    dead = broker.topic()
    dead_subscription = broker.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": attempts}
    topic, subscription = broker.pair(dead_letter_policy=policy)
    return topic, subscription, dead_subscription


def test_a_message_refused_too_often_goes_to_the_dead_letter_topic(broker: Broker) -> None:
    topic, subscription, dead_subscription = dead_letter_pair(broker)
    [id_] = broker.publish(topic, b"x", attributes={"k": "v"}, ordering_key="key")
    attempts = []
    for _ in range(5):
        [received] = broker.pull(subscription)
        attempts.append(received.delivery_attempt)
        broker.modify(subscription, 0, received)
    assert attempts == [1, 2, 3, 4, 5]
    assert broker.is_empty(subscription)
    [letter] = broker.pull(dead_subscription)
    attributes = dict(letter.message.attributes)
    published = attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", published)
    assert attributes == {
        "k": "v",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": subscription.rsplit("/", 1)[1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": broker.project,
    }
    assert letter.message.data == b"x"
    assert letter.message.message_id != id_


def test_deadlines_that_pass_count_as_well(broker: Broker) -> None:
    topic, subscription, dead_subscription = dead_letter_pair(broker)
    broker.publish(topic, b"x")
    for _ in range(4):
        [received] = broker.pull(subscription)
        broker.modify(subscription, 0, received)
    [received] = broker.pull(subscription)
    broker.modify(subscription, 1, received)
    assert broker.pull(subscription, timeout=3) == []  # Google's moves it when it would be delivered next
    assert broker.pull(dead_subscription, timeout=10)


def test_without_its_dead_letter_topic_a_message_is_delivered_on(broker: Broker) -> None:
    topic, subscription, _ = dead_letter_pair(broker)
    broker.publish(topic, b"x")
    policy = broker.subscriber.get_subscription(subscription=subscription).dead_letter_policy
    broker.publisher.delete_topic(topic=policy.dead_letter_topic)
    attempts = []
    for _ in range(7):
        [received] = broker.pull(subscription)
        attempts.append(received.delivery_attempt)
        broker.modify(subscription, 0, received)
    assert attempts == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.embedded_only("the first redelivery comes at once, and so does one after a passed deadline")
def test_a_retry_policy_delays_what_was_refused_or_not_acknowledged(broker: Broker) -> None:
    policy = {"minimum_backoff": seconds(1), "maximum_backoff": seconds(1.5)}
    topic, subscription = broker.pair(retry_policy=policy)
    broker.publish(topic, b"x")
    times = []
    for deadline in (0, 0, 1):
        [received] = broker.pull(subscription, timeout=8)
        times.append(time.monotonic())
        broker.modify(subscription, deadline, received)
    broker.pull(subscription, timeout=8)
    times.append(time.monotonic())
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == pytest.approx([1.0, 1.5, 2.5], abs=0.4)


def test_a_delay_holds_up_nobody_else(broker: Broker) -> None:
    topic, subscription = broker.pair(retry_policy={"minimum_backoff": seconds(60), "maximum_backoff": seconds(60)})
    broker.publish(topic, b"1")
    [received] = broker.pull(subscription)
    if broker.kind == "gcloud":  # its first redelivery is never delayed
        broker.modify(subscription, 0, received)
        [received] = broker.pull(subscription)
    broker.modify(subscription, 0, received)
    broker.publish(topic, b"2")
    got = eventually(lambda: broker.pull(subscription), "the other message")
    assert [one.message.data for one in got] == [b"2"]
