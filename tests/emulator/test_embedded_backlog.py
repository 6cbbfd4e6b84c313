"""Backlogs that are larger than what may be in memory, and the log that holds them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pubsub_kit import Broker, data_of, eventually

from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.emulator.embedded.deliveries import Window

SMALL = Window(messages=20, size=100_000, leased_size=2_000)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with EmbeddedBroker(tmp_path, window=SMALL) as embedded:
        made = Broker("embedded", embedded.address)
        yield made
        made.close()


def logged(directory: Path, query: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(directory / "broker.db")) as log:
        return log.execute(query).fetchall()


def test_a_backlog_beyond_the_window_comes_whole_and_in_order(broker: Broker) -> None:
    topic, subscription = broker.pair()
    data = [b"%d" % n for n in range(500)]
    for start in range(0, 500, 50):
        broker.publish(topic, *data[start : start + 50])
    assert data_of(broker.stream(subscription).wait_for(500)) == data


def test_bodies_that_left_memory_come_again_when_refused(broker: Broker) -> None:
    topic, subscription = broker.pair()
    data = [b"%03d" % n * 100 for n in range(100)]
    broker.publish(topic, *data)
    received = broker.pull_all(subscription, 100)
    broker.modify(subscription, 0, *received)
    assert sorted(data_of(broker.pull_all(subscription, 100))) == data


def test_subscriptions_that_are_far_apart(broker: Broker) -> None:
    topic, quick = broker.pair()
    slow = broker.subscription(topic)
    data = [b"%d" % n for n in range(200)]
    for one in data:
        broker.publish(topic, one)
        broker.ack(quick, *broker.pull(quick))
    got = []
    while len(got) < 200:
        received = broker.pull(slow, 1000)
        broker.ack(slow, *received)
        got += data_of(received)
    assert got == data


def rows(directory: Path) -> list[tuple[int, ...]]:
    return logged(directory, "SELECT first_id, last_id FROM messages ORDER BY first_id")


def publish_and_ack(broker: Broker, topic: str, subscription: str, keep: int) -> str:
    """600 messages in 6 rows, all acknowledged one by one but number ``keep``; the id of that one."""
    for _ in range(6):
        broker.publish(topic, *[b"x"] * 100)
    received = broker.pull_all(subscription, 600)
    kept = received.pop(keep)
    for one in received:
        broker.ack(subscription, one)
    return kept.message.message_id


def test_acks_are_folded_and_what_nobody_needs_leaves_the_log(broker: Broker, tmp_path: Path) -> None:
    topic, subscription = broker.pair(ack_deadline_seconds=600)
    kept = int(publish_and_ack(broker, topic, subscription, keep=250))
    eventually(lambda: len(rows(tmp_path)) < 3, "rows to leave the log")
    assert logged(tmp_path, "SELECT count(*) FROM acks")[0][0] < 599
    assert any(first <= kept <= last for first, last in rows(tmp_path))


def test_what_one_subscription_needs_stays_in_the_log(broker: Broker, tmp_path: Path) -> None:
    topic, subscription = broker.pair(ack_deadline_seconds=600)
    slow = broker.subscription(topic)
    publish_and_ack(broker, topic, subscription, keep=0)
    assert len(broker.pull_all(slow, 600)) == 600
    assert len(rows(tmp_path)) == 6


def test_after_folding_a_restart_brings_only_what_is_left(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path, window=SMALL) as embedded:
        first = Broker("embedded", embedded.address)
        topic, subscription = first.pair(ack_deadline_seconds=600)
        kept = publish_and_ack(first, topic, subscription, keep=10)
        [late] = first.publish(topic, b"late")
        first.close()
    with EmbeddedBroker(tmp_path, window=SMALL) as embedded:
        second = Broker("embedded", embedded.address)
        assert {one.message.message_id for one in second.pull_all(subscription, 2)} == {kept, late}
        assert second.is_empty(subscription)
        second.close()


def test_acks_beyond_the_window_hold_after_folding_and_a_restart(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path, window=SMALL) as embedded:
        broker = Broker("embedded", embedded.address)
        topic, subscription = broker.pair(ack_deadline_seconds=600)
        for _ in range(6):
            broker.publish(topic, *[b"x"] * 100)
        received = broker.pull_all(subscription, 600)
        broker.close()
    with EmbeddedBroker(tmp_path, window=SMALL) as embedded:
        broker = Broker("embedded", embedded.address)
        for one in reversed(received[50:]):
            broker.ack(subscription, one)
        broker.close()
    assert logged(tmp_path, "SELECT count(*) FROM acks")[0][0] < 100
    with EmbeddedBroker(tmp_path, window=SMALL) as embedded:
        broker = Broker("embedded", embedded.address)
        again = broker.pull_all(subscription, 50)
        assert broker.is_empty(subscription)
        broker.close()
    assert {one.message.message_id for one in again} == {one.message.message_id for one in received[:50]}


def test_a_deleted_topic_and_its_messages_leave_the_log_with_its_last_subscription(
    broker: Broker, tmp_path: Path
) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    broker.publisher.delete_topic(topic=topic)
    assert len(rows(tmp_path)) == 1
    broker.subscriber.delete_subscription(subscription=subscription)
    eventually(lambda: not rows(tmp_path), "the messages to leave the log")
    eventually(lambda: logged(tmp_path, "SELECT count(*) FROM topics") == [(0,)], "the topic to leave the log")
