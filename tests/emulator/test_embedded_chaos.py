"""Faults on demand: each happens, at its rate, and nothing is lost by it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument, ServiceUnavailable
from grpc import StatusCode
from pubsub_kit import Broker, eventually

from pubsubctl.emulator import control
from pubsubctl.emulator.embedded import EmbeddedBroker, MovableClock
from pubsubctl.emulator.embedded.chaos import Chaos, Plan
from pubsubctl.errors import EmulatorError, UsageError


@pytest.fixture
def chaos() -> Chaos:
    return Chaos()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def broker(tmp_path: Path, chaos: Chaos, clock: MovableClock) -> Iterator[Broker]:
    with EmbeddedBroker(tmp_path, faults=chaos, clock=clock) as embedded:
        made = Broker("embedded", embedded.address)
        yield made
        chaos.follow(Plan())
        made.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("off", "off"),
        ("", "off"),
        ("duplicate=0", "off"),
        ("duplicate=0.01,drop-ack=0.5", "duplicate=0.01,drop-ack=0.5"),
        (" nack = 1 , delay=1.5s", "nack=1,delay=1500ms"),
        ("delay=200", "delay=200ms"),
        ("disconnect=0.1,unavailable=0.2,seed=7", "disconnect=0.1,unavailable=0.2,seed=7"),
    ],
)
def test_a_plan_is_read_and_shown(text: str, shown: str) -> None:
    assert str(Plan.parse(text)) == shown


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("duplicates=0.1", "'duplicates=0.1'"),
        ("duplicate", "'duplicate'"),
        ("nack=2", "a rate from 0 to 1"),
        ("nack=nan", "a rate from 0 to 1"),
        ("nack=-0.1", "a rate from 0 to 1"),
        ("delay=1h", "200ms"),
        ("seed=x", "a whole number"),
        ("nack=0.1,nack=0.2", "twice"),
        ("nack=0.1,,", "''"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Plan.parse(text)


def test_equal_seeds_draw_equal_faults() -> None:
    plan = Plan.parse("nack=0.3,duplicate=0.3,seed=11")
    one, other = Chaos(plan), Chaos(plan)
    for _ in range(5):
        other.duplicates()
    drawn = [one.nacks() for _ in range(200)]
    assert drawn == [other.nacks() for _ in range(200)]
    assert 30 < sum(drawn) < 90


def test_a_plan_without_a_seed_gets_one_that_is_shown() -> None:
    assert "seed=" in str(Chaos(Plan.parse("nack=0.5")).plan)


def consume(broker: Broker, name: str, count: int) -> Counter[bytes]:
    """Pull and acknowledge until each of ``count`` messages came; how often each did."""
    seen: Counter[bytes] = Counter()

    def complete() -> bool:
        got = broker.pull(name, 100, timeout=1)
        seen.update(one.message.data for one in got)
        if got:
            broker.ack(name, *got)
        return len(seen) == count

    eventually(complete, f"{count} messages")
    return seen


def publish(broker: Broker, topic: str, count: int) -> None:
    broker.publish(topic, *(b"%d" % n for n in range(count)))


def test_duplicates_are_delivered_and_settled_by_any_ack(broker: Broker, chaos: Chaos) -> None:
    topic, name = broker.pair()
    chaos.follow(Plan.parse("duplicate=1,seed=1"))
    publish(broker, topic, 10)
    first = broker.pull_all(name, 10)
    second = broker.pull_all(name, 10)
    assert {one.message.message_id for one in first} == {one.message.message_id for one in second}
    assert {one.ack_id for one in first}.isdisjoint(one.ack_id for one in second)
    chaos.follow(Plan())
    broker.ack(name, *first)
    broker.ack(name, *second)
    assert broker.is_empty(name)


def test_where_delivery_is_exactly_once_nothing_is_duplicated(broker: Broker, chaos: Chaos) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    chaos.follow(Plan.parse("duplicate=1"))
    publish(broker, topic, 10)
    broker.pull_all(name, 10)
    assert broker.is_empty(name)


def test_a_dropped_ack_brings_the_message_again(broker: Broker, chaos: Chaos, clock: MovableClock) -> None:
    topic, name = broker.pair()
    publish(broker, topic, 1)
    chaos.follow(Plan.parse("drop-ack=1"))
    broker.ack(name, *broker.pull(name))
    chaos.follow(Plan())
    clock.advance(11)
    broker.ack(name, *broker.pull_all(name, 1))
    assert broker.is_empty(name)


def test_where_delivery_is_exactly_once_a_dropped_ack_is_told(broker: Broker, chaos: Chaos) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    publish(broker, topic, 1)
    chaos.follow(Plan.parse("drop-ack=1"))
    [received] = broker.pull(name)
    with pytest.raises(InvalidArgument):
        broker.ack(name, received)
    chaos.follow(Plan())
    broker.ack(name, received)


def test_a_nack_brings_the_message_again_and_counts(broker: Broker, chaos: Chaos) -> None:
    dead = broker.topic()
    topic, name = broker.pair(dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    chaos.follow(Plan.parse("nack=1"))
    publish(broker, topic, 1)
    attempts: list[Any] = []
    for _ in range(5):
        [received] = broker.pull_all(name, 1)
        attempts.append(received.delivery_attempt)
    assert attempts == [1, 2, 3, 4, 5]
    assert broker.is_empty(name)


def test_delay_holds_deliveries_back(broker: Broker, chaos: Chaos) -> None:
    topic, name = broker.pair()
    chaos.follow(Plan.parse("delay=700ms"))
    publish(broker, topic, 1)
    with pytest.raises(Exception, match="Deadline"):
        broker.subscriber.pull(subscription=name, max_messages=1, timeout=0.4, retry=None)
    chaos.follow(Plan())
    assert broker.pull_all(name, 1)


def test_streams_are_disconnected_and_their_messages_come_again(broker: Broker, chaos: Chaos) -> None:
    topic, name = broker.pair()
    chaos.follow(Plan.parse("disconnect=1"))
    publish(broker, topic, 3)
    stream = broker.stream(name)
    assert stream.wait_end() is StatusCode.UNAVAILABLE
    assert stream.received == []
    chaos.follow(Plan())
    assert len(broker.pull_all(name, 3)) == 3


def test_rpcs_are_refused(broker: Broker, chaos: Chaos) -> None:
    topic, _ = broker.pair()
    chaos.follow(Plan.parse("unavailable=1"))
    with pytest.raises(ServiceUnavailable, match="chaos unavailable=1"):
        broker.publisher.get_topic(topic=topic, retry=None)


def test_all_at_once_every_message_comes_and_is_settled(broker: Broker, chaos: Chaos, clock: MovableClock) -> None:
    topic, name = broker.pair()
    publish(broker, topic, 300)
    chaos.follow(Plan.parse("duplicate=0.2,drop-ack=0.2,nack=0.2,delay=5ms"))
    seen = consume(broker, name, 300)
    assert sum(seen.values()) > 300
    chaos.follow(Plan())
    for _ in range(3):
        clock.advance(11)
        if got := broker.pull(name, 1000, timeout=1.5):
            broker.ack(name, *got)
    assert broker.is_empty(name)


def test_ordered_messages_stay_in_order_among_duplicates(broker: Broker, chaos: Chaos) -> None:
    topic, name = broker.pair(enable_message_ordering=True)
    broker.publish(topic, *(b"%03d" % n for n in range(50)), ordering_key="k")
    chaos.follow(Plan.parse("duplicate=0.1,nack=0.1,seed=3"))
    order: list[bytes] = []

    def complete() -> bool:
        got = broker.pull(name, 7, timeout=1)
        order.extend(one.message.data for one in got)
        if got:
            broker.ack(name, *got)
        return len(set(order)) == 50

    eventually(complete, "50 messages")
    firsts = list(dict.fromkeys(order))
    assert firsts == sorted(firsts)


def test_the_plan_can_be_asked_for_and_changed_while_it_runs(broker: Broker, chaos: Chaos) -> None:
    assert control.chaos(broker.address) == "off"
    assert control.make_chaos(broker.address, "nack=0.5,seed=3") == "nack=0.5,seed=3"
    assert chaos.plan == Plan.parse("nack=0.5,seed=3")
    assert control.chaos(broker.address) == "nack=0.5,seed=3"
    with pytest.raises(UsageError, match="'nacks=1'"):
        control.make_chaos(broker.address, "nacks=1")
    assert control.make_chaos(broker.address, "off") == "off"
    with pytest.raises(EmulatorError, match="does not answer"):
        control.chaos("127.0.0.1:1")
