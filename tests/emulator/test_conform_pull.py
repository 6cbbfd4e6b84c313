"""Pull, Acknowledge, ModifyAckDeadline: leases and redelivery."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from grpc import StatusCode
from pubsub_kit import Broker, data_of, refused


def test_messages_come_in_the_order_of_publishing_up_to_the_number_asked_for(broker: Broker) -> None:
    topic, subscription = broker.pair()
    data = [b"%d" % n for n in range(50)]
    broker.publish(topic, *data)
    assert data_of(broker.pull(subscription, 7)) == data[:7]
    assert data_of(broker.pull(subscription, 1000)) == data[7:]


def test_a_pull_waits_for_a_message(broker: Broker) -> None:
    topic, subscription = broker.pair()
    with ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(broker.pull, subscription, timeout=10)
        started = time.monotonic()
        threading.Timer(0.3, broker.publish, (topic, b"x")).start()
        assert data_of(pulling.result()) == [b"x"]
    assert time.monotonic() - started < 5


def test_a_pull_of_nothing_is_empty_before_its_deadline(broker: Broker) -> None:
    _, subscription = broker.pair()
    started = time.monotonic()
    assert broker.pull(subscription, timeout=2) == []
    assert 0.5 < time.monotonic() - started < 2


@pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
def test_a_pull_that_returns_immediately(broker: Broker) -> None:
    _, subscription = broker.pair()
    started = time.monotonic()
    request = {"subscription": subscription, "max_messages": 1, "return_immediately": True}
    assert not broker.subscriber.pull(request=request, timeout=10).received_messages
    assert time.monotonic() - started < 2


def test_an_acknowledged_message_does_not_come_again(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    [received] = broker.pull(subscription)
    broker.ack(subscription, received)
    broker.modify(subscription, 0, received)
    broker.ack(subscription, received)
    assert broker.is_empty(subscription)


def test_a_leased_message_is_nobody_elses(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    assert broker.pull(subscription)
    assert broker.is_empty(subscription)


def test_a_refused_message_comes_again_at_once_under_another_ack_id(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    [first] = broker.pull(subscription)
    broker.modify(subscription, 0, first)
    started = time.monotonic()
    [second] = broker.pull(subscription)
    assert time.monotonic() - started < 2
    assert second.message.message_id == first.message.message_id
    assert second.ack_id != first.ack_id


def test_a_message_comes_again_when_its_deadline_has_passed(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    [received] = broker.pull(subscription)
    broker.modify(subscription, 2, received)
    started = time.monotonic()
    [again] = broker.pull(subscription, timeout=10)
    assert 1.5 < time.monotonic() - started < 5
    assert again.message == received.message


def test_a_late_ack_counts_unless_the_message_went_out_again(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    [first] = broker.pull(subscription)
    broker.modify(subscription, 0, first)
    [second] = broker.pull(subscription)
    broker.ack(subscription, first)
    broker.modify(subscription, 0, second)
    [third] = broker.pull(subscription)
    broker.modify(subscription, 1, third)
    _, silent = broker.pair()
    assert broker.pull(silent, timeout=2.5) == []  # meanwhile the deadline passes
    broker.ack(subscription, third)
    assert broker.is_empty(subscription)


def test_delivery_attempts_are_told_only_with_a_dead_letter_policy(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    [received] = broker.pull(subscription)
    assert received.delivery_attempt == 0


@pytest.mark.parametrize(
    ("call", "code", "text"),
    [
        ("pull-missing", "NOT_FOUND", "Subscription does not exist"),
        ("pull-name", "INVALID_ARGUMENT", "Invalid [subscriptions] name: (name=zz)"),
        ("pull-none", "INVALID_ARGUMENT", "No max_messages specified"),
        ("ack-missing", "NOT_FOUND", "Subscription does not exist"),
        ("ack-garbage", "INVALID_ARGUMENT", "Invalid ack id (ack_id=garbage)"),
        ("ack-empty", "INVALID_ARGUMENT", "Invalid ack id (ack_id=)"),
        ("ack-none", "INVALID_ARGUMENT", "No ack ids specified"),
        ("modify-missing", "NOT_FOUND", "Subscription does not exist"),
        ("modify-garbage", "INVALID_ARGUMENT", "Invalid ack id (ack_id=garbage)"),
        ("modify-none", "INVALID_ARGUMENT", "No ack ids specified"),
    ],
)
def test_calls_that_cannot_be(broker: Broker, call: str, code: str, text: str) -> None:
    _, subscription = broker.pair()
    missing, subscriber = broker.name("subscriptions"), broker.subscriber
    calls = {
        "pull-missing": lambda: subscriber.pull(subscription=missing, max_messages=1),
        "pull-name": lambda: subscriber.pull(subscription="zz", max_messages=1),
        "pull-none": lambda: subscriber.pull(subscription=subscription, max_messages=0),
        "ack-missing": lambda: subscriber.acknowledge(subscription=missing, ack_ids=["1-1-1-1"]),
        "ack-garbage": lambda: subscriber.acknowledge(subscription=subscription, ack_ids=["garbage"]),
        "ack-empty": lambda: subscriber.acknowledge(subscription=subscription, ack_ids=[""]),
        "ack-none": lambda: subscriber.acknowledge(subscription=subscription, ack_ids=[]),
        "modify-missing": lambda: subscriber.modify_ack_deadline(
            subscription=missing, ack_ids=["1-1-1-1"], ack_deadline_seconds=10
        ),
        "modify-garbage": lambda: subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=["garbage"], ack_deadline_seconds=10
        ),
        "modify-none": lambda: subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[], ack_deadline_seconds=10
        ),
    }
    with refused(StatusCode[code], text):
        calls[call]()


def test_deadlines_have_bounds(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    [received] = broker.pull(subscription)
    broker.modify(subscription, 600, received)
    with refused(StatusCode.INVALID_ARGUMENT, "Ack deadline cannot be negative"):
        broker.modify(subscription, -1, received)


@pytest.mark.embedded_only("takes any deadline")
def test_a_deadline_beyond_the_documented_maximum_is_refused(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    [received] = broker.pull(subscription)
    with refused(StatusCode.INVALID_ARGUMENT, "more than 600 seconds"):
        broker.modify(subscription, 601, received)


def test_an_ack_id_of_another_subscription_is_refused(broker: Broker) -> None:
    topic, first = broker.pair()
    second = broker.subscription(topic)
    broker.publish(topic, b"x")
    [received] = broker.pull(first)
    with refused(StatusCode.INVALID_ARGUMENT, f"Subscription {second} received an invalid ack ID"):
        broker.ack(second, received)
    broker.ack(first, received)


def test_one_wrong_ack_id_settles_nothing(embedded: Broker) -> None:
    topic, subscription = embedded.pair()
    embedded.publish(topic, b"x")
    [received] = embedded.pull(subscription)
    with refused(StatusCode.INVALID_ARGUMENT):
        embedded.subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id, "garbage"])
    embedded.modify(subscription, 0, received)
    assert embedded.pull(subscription)
