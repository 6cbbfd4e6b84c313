"""Seek and snapshots: what can be had again, and what cannot."""

import datetime as dt
import time
from typing import Any

import pytest
from grpc import StatusCode
from pubsub_kit import Broker, data_of, refused, seconds

HOUR = dt.timedelta(hours=1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def seek(broker: Broker, subscription: str, **target: Any) -> None:
    broker.subscriber.seek({"subscription": subscription, **target})


def snapshot(broker: Broker, subscription: str) -> str:
    return broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=subscription).name


def consume(broker: Broker, subscription: str, count: int) -> list[bytes]:
    """Pull and acknowledge that many."""
    got = broker.pull_all(subscription, count)
    broker.ack(subscription, *got)
    return data_of(got)


def everything(broker: Broker, subscription: str, count: int) -> list[bytes]:
    """The data of all ``count`` messages that can be had, and no more of them."""
    got = sorted(consume(broker, subscription, count))
    assert broker.is_empty(subscription)
    return got


def test_back_in_time_what_was_retained_comes_again(broker: Broker) -> None:
    topic, name = broker.pair(retain_acked_messages=True)
    broker.publish(topic, b"1", b"2")
    consume(broker, name, 2)
    seek(broker, name, time=now() - HOUR)
    assert everything(broker, name, 2) == [b"1", b"2"]


def test_back_in_time_what_was_not_retained_stays_acknowledged(broker: Broker) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"1", b"2")
    consume(broker, name, 1)
    seek(broker, name, time=now() - HOUR)
    assert len(everything(broker, name, 1)) == 1


def test_to_a_time_between_two_messages(broker: Broker) -> None:
    topic, name = broker.pair(retain_acked_messages=True)
    broker.publish(topic, b"before")
    time.sleep(0.05)
    between = now()
    time.sleep(0.05)
    broker.publish(topic, b"after")
    consume(broker, name, 2)
    seek(broker, name, time=between)
    assert everything(broker, name, 1) == [b"after"]


def test_on_in_time_nothing_is_left(broker: Broker) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"1", b"2")
    seek(broker, name, time=now() + HOUR)
    assert broker.is_empty(name)
    broker.publish(topic, b"3")
    assert everything(broker, name, 1) == [b"3"]


@pytest.mark.embedded_only("gives it what was published before it was made, unasked")
def test_what_a_topic_retains_is_for_subscriptions_made_later_too(broker: Broker) -> None:
    topic = broker.topic(message_retention_duration=seconds(3600))
    broker.publish(topic, b"early")
    name = broker.subscription(topic)
    assert broker.is_empty(name)
    seek(broker, name, time=now() - HOUR)
    assert everything(broker, name, 1) == [b"early"]


def test_a_message_that_is_out_comes_again_after_a_seek(broker: Broker) -> None:
    topic, name = broker.pair(ack_deadline_seconds=600)
    broker.publish(topic, b"x")
    broker.pull(name)
    seek(broker, name, time=now() - HOUR)
    assert everything(broker, name, 1) == [b"x"]


def test_a_snapshot_keeps_what_was_not_acknowledged_and_what_comes_later(broker: Broker) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"a", b"b", b"c")
    [first] = consume(broker, name, 1)
    kept = snapshot(broker, name)
    broker.publish(topic, b"d")
    consume(broker, name, 3)
    seek(broker, name, snapshot=kept)
    assert everything(broker, name, 3) == sorted({b"a", b"b", b"c", b"d"} - {first})


@pytest.mark.embedded_only("gives it nothing")
def test_another_subscription_of_the_topic_can_go_to_a_snapshot(broker: Broker) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"a")
    kept = snapshot(broker, name)
    other = broker.subscription(topic)
    seek(broker, other, snapshot=kept)
    assert everything(broker, other, 1) == [b"a"]


def test_a_snapshot_of_another_topic_is_no_target(broker: Broker) -> None:
    _, name = broker.pair()
    _, other = broker.pair()
    kept = snapshot(broker, name)
    with refused(StatusCode.FAILED_PRECONDITION, "is different from that of the snapshot"):
        seek(broker, other, snapshot=kept)


def test_seeks_that_cannot_be(broker: Broker) -> None:
    _, name = broker.pair()
    with refused(StatusCode.INVALID_ARGUMENT, "No target was specified"):
        seek(broker, name)
    with refused(StatusCode.NOT_FOUND, "Snapshot does not exist"):
        seek(broker, name, snapshot=broker.name("snapshots"))
    with refused(StatusCode.NOT_FOUND, "Subscription does not exist"):
        seek(broker, broker.name("subscriptions"), time=now())


def test_snapshots_are_found_by_name_and_by_topic(broker: Broker) -> None:
    topic, name = broker.pair()
    made = broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=name)
    assert made.topic == topic
    assert dt.timedelta(days=6) < made.expire_time - now() <= dt.timedelta(days=7)
    assert broker.subscriber.get_snapshot(snapshot=made.name) == made
    project = f"projects/{broker.project}"
    assert list(broker.subscriber.list_snapshots(project=project)) == [made]
    assert list(broker.publisher.list_topic_snapshots(topic=topic)) == [made.name]
    with refused(StatusCode.ALREADY_EXISTS, "Snapshot already exists"):
        broker.subscriber.create_snapshot(name=made.name, subscription=name)
    broker.subscriber.delete_snapshot(snapshot=made.name)
    assert list(broker.subscriber.list_snapshots(project=project)) == []
    with refused(StatusCode.NOT_FOUND, "Snapshot does not exist"):
        broker.subscriber.delete_snapshot(snapshot=made.name)


@pytest.mark.embedded_only("UpdateSnapshot is not implemented")
def test_a_snapshots_labels_and_life_can_be_changed(broker: Broker) -> None:
    _, name = broker.pair()
    kept = snapshot(broker, name)
    until = (now() + HOUR).replace(microsecond=0)
    wanted = {"snapshot": {"name": kept, "labels": {"a": "b"}, "expire_time": until}}
    changed = broker.subscriber.update_snapshot({**wanted, "update_mask": {"paths": ["labels", "expire_time"]}})
    assert dict(changed.labels) == {"a": "b"}
    assert changed.expire_time == until
    with refused(StatusCode.INVALID_ARGUMENT, "topic field in the Snapshot is not mutable"):
        broker.subscriber.update_snapshot({**wanted, "update_mask": {"paths": ["topic"]}})


@pytest.mark.embedded_only("detaching is not implemented")
def test_a_detached_subscription_has_nothing_and_gets_nothing(broker: Broker) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"x")
    broker.publisher.detach_subscription({"subscription": name})
    assert broker.subscriber.get_subscription(subscription=name).detached
    assert list(broker.publisher.list_topic_subscriptions(topic=topic)) == []
    with refused(StatusCode.FAILED_PRECONDITION, "Subscription is detached"):
        broker.pull(name)
    with refused(StatusCode.FAILED_PRECONDITION, "Subscription is detached"):
        seek(broker, name, time=now())
    stream = broker.stream(name)
    assert stream.wait_end() is StatusCode.FAILED_PRECONDITION
    broker.subscriber.delete_subscription(subscription=name)


@pytest.mark.embedded_only("detaching is not implemented")
def test_who_waits_for_messages_hears_that_the_subscription_was_detached(broker: Broker) -> None:
    _, name = broker.pair()
    stream = broker.stream(name)
    broker.publisher.detach_subscription({"subscription": name})
    assert stream.wait_end() is StatusCode.FAILED_PRECONDITION
