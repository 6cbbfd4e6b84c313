"""Deadlines with a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pubsub_kit import Broker, seconds

from pubsubctl.emulator.embedded import EmbeddedBroker, MovableClock


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def broker(tmp_path: Path, clock: MovableClock) -> Iterator[Broker]:
    with EmbeddedBroker(tmp_path, clock=clock) as embedded:
        made = Broker("embedded", embedded.address)
        yield made
        made.close()


def test_a_lease_ends_when_the_clock_says_so(broker: Broker, clock: MovableClock) -> None:
    topic, subscription = broker.pair(ack_deadline_seconds=300)
    broker.publish(topic, b"x")
    broker.pull(subscription)
    clock.advance(295)
    assert broker.is_empty(subscription)
    clock.advance(6)
    assert broker.pull(subscription)


def test_a_stream_gets_its_messages_again_when_the_clock_moves(broker: Broker, clock: MovableClock) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"x")
    stream = broker.stream(subscription, deadline_s=600)
    stream.wait_for(1)
    clock.advance(601)
    stream.wait_for(2)


def test_back_off_doubles(broker: Broker, clock: MovableClock) -> None:
    policy = {"minimum_backoff": seconds(100), "maximum_backoff": seconds(600)}
    topic, subscription = broker.pair(retry_policy=policy)
    broker.publish(topic, b"x")
    for delay_s in (100, 200, 400, 600, 600):
        [received] = broker.pull(subscription)
        broker.modify(subscription, 0, received)
        clock.advance(delay_s - 5)
        assert broker.is_empty(subscription)
        clock.advance(6)


def test_publish_times_follow_the_clock(broker: Broker, clock: MovableClock) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"1")
    clock.advance(3600)
    broker.publish(topic, b"2")
    first, second = broker.pull_all(subscription, 2)
    assert 3590 < (second.message.publish_time - first.message.publish_time).total_seconds() < 3700
