"""A stream that is open and that nobody reads keeps no message for long from those that are read."""

import asyncio
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.pubsub_v1.types import StreamingPullRequest, StreamingPullResponse
from pubsub_kit import Broker, data_of, eventually

from pubsubctl.emulator.embedded import EmbeddedBroker, Faults, MovableClock
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.deliveries import Deliveries
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.rules import Rules
from pubsubctl.emulator.embedded.takers import Takers


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def embedded(tmp_path: Path, clock: MovableClock) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path, clock=clock) as made:
        yield made


@pytest.fixture
def broker(embedded: EmbeddedBroker) -> Iterator[Broker]:
    made = Broker("embedded", embedded.address)
    yield made
    made.close()


@pytest.fixture
def mute(broker: Broker) -> Iterator[Any]:
    """Opens a stream and never reads it."""
    with grpc.insecure_channel(broker.address) as channel:
        open_stream = channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull",
            request_serializer=StreamingPullRequest.serialize,
            response_deserializer=StreamingPullResponse.deserialize,
        )
        calls = []

        def opened(subscription: str) -> None:
            requests: queue.SimpleQueue[StreamingPullRequest | None] = queue.SimpleQueue()
            requests.put(StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=10))
            calls.append(open_stream(iter(requests.get, None)))

        yield opened
        for call in calls:
            call.cancel()


def channel(embedded: EmbeddedBroker, name: str) -> Channel:
    serving = embedded._serving
    assert serving is not None
    return serving.broker.catalogue.channels[name]


def waiting(embedded: EmbeddedBroker, name: str) -> int:
    return len(channel(embedded, name)._takers._waiting)


def coming_last(embedded: EmbeddedBroker, name: str, clock: MovableClock) -> int:
    return sum(outlet.comes_last(clock.monotonic()) for outlet, _ in list(channel(embedded, name)._takers._waiting))


def leased(embedded: EmbeddedBroker, name: str) -> int:
    return len(channel(embedded, name).deliveries.leases)


def test_what_it_let_lapse_goes_to_others_and_so_does_all_that_comes(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock, mute: Any
) -> None:
    topic, name = broker.pair()
    mute(name)
    broker.publish(topic, b"1", b"2", b"3", b"4")
    eventually(lambda: leased(embedded, name) == 4, "the mute stream to be given all")
    stream = broker.stream(name)
    eventually(lambda: waiting(embedded, name) == 2, "both streams to wait")
    clock.advance(11)
    assert sorted(data_of(stream.wait_for(4))) == [b"1", b"2", b"3", b"4"]
    broker.publish(topic, *[b"later"] * 20)
    assert len(stream.wait_for(24)) == 24


def test_where_nobody_else_waits_it_is_given_messages_as_ever(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock, mute: Any
) -> None:
    topic, name = broker.pair()
    mute(name)
    broker.publish(topic, b"1")
    eventually(lambda: leased(embedded, name) == 1, "it to be given the message")
    clock.advance(11)
    eventually(lambda: leased(embedded, name) == 1, "it to be given the message again")
    broker.publish(topic, b"2")
    eventually(lambda: leased(embedded, name) == 2, "it to be given the next one too")


@pytest.mark.parametrize("says", ["an ack", "that it needs longer"])
def test_who_says_something_has_its_share_again(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock, says: str
) -> None:
    topic, name = broker.pair()
    first = broker.stream(name)
    broker.publish(topic, b"1")
    first.wait_for(1)
    clock.advance(11)
    [_, again] = first.wait_for(2)
    second = broker.stream(name)
    eventually(lambda: waiting(embedded, name) == 2, "both streams to wait")
    broker.publish(topic, *[b"x"] * 4)
    assert len(second.wait_for(4)) == 4
    if says == "an ack":
        first.ack(again)
    else:
        first.modify(60, again)
    eventually(lambda: broker.publish(topic, b"x", b"x") and len(first.received) > 2, "it to be given its share")


def test_it_is_given_another_chance_after_a_while_and_later_each_time() -> None:
    outlet = Outlet()
    outlet.lapse(100.0)
    outlet.lapse(110.0)  # of the messages that it had at once, this is not another time
    assert [outlet.comes_last(now) for now in (110.0, 169.9, 170.0)] == [True, True, False]
    outlet.lapse(180.0)
    assert [outlet.comes_last(now) for now in (299.9, 300.0)] == [True, False]
    outlet.answer()
    outlet.lapse(300.0)
    assert not outlet.comes_last(360.0)
    patient = Outlet(ack_deadline_s=100)
    patient.lapse(0.0)
    assert [patient.comes_last(now) for now in (199.9, 200.0)] == [True, False]


def test_while_others_are_busy_it_is_given_one_message_at_a_time(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock, mute: Any
) -> None:
    topic, name = broker.pair()
    mute(name)
    broker.publish(topic, b"1")
    eventually(lambda: leased(embedded, name) == 1, "the mute stream to be given the message")
    busy = broker.stream(name, max_outstanding_messages=1)
    eventually(lambda: waiting(embedded, name) == 2, "both streams to wait")
    clock.advance(11)
    [one] = busy.wait_for(1)
    broker.publish(topic, *[b"x"] * 20)
    eventually(lambda: leased(embedded, name) == 2, "the mute stream to be given one")
    for number in range(2, 15):
        busy.ack(one)
        one = busy.wait_for(number)[-1]
        assert leased(embedded, name) == 2, "one each"


def test_a_stream_that_is_there_counts_though_it_waits_for_nothing_at_the_moment() -> None:
    async def scenario() -> None:
        deliveries = Deliveries(Rules(), ack_ids="1-9-1-", position=1)
        deliveries.offer([(number, b"") for number in range(1, 11)], 1)
        takers, silent, other = Takers(), Outlet(), Outlet()
        takers.join(silent)
        takers.join(other)
        silent.lapse(100)
        given = takers.add(silent)
        takers.give(deliveries, 101)
        assert len(given.result()) == 1
        takers.leave(other)
        given = takers.add(silent)
        takers.give(deliveries, 102)
        assert len(given.result()) == 9

    asyncio.run(scenario())


@pytest.mark.parametrize("backoff_s", [0, 10])
@pytest.mark.parametrize("says", ["an ack", "that it needs longer"])
def test_who_is_only_late_has_its_share_again(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock, says: str, backoff_s: int
) -> None:
    retried = {"retry_policy": {"minimum_backoff": {"seconds": backoff_s}}} if backoff_s else {}
    topic, name = broker.pair(**retried)
    first = broker.stream(name)
    broker.publish(topic, b"1")
    [message] = first.wait_for(1)
    broker.stream(name)
    eventually(lambda: waiting(embedded, name) == 2, "both streams to wait")
    clock.advance(11)
    eventually(lambda: coming_last(embedded, name, clock) == 1, "the lease to have ended")
    if says == "an ack":
        first.ack(message)
    else:
        first.modify(60, message)
    eventually(lambda: coming_last(embedded, name, clock) == 0, "it to be one of those who are given messages first")


def test_what_a_broken_stream_was_never_sent_is_given_to_who_waits(tmp_path: Path) -> None:
    breaking: list[bool] = []

    class Breaks(Faults):
        def disconnects(self) -> bool:
            return bool(breaking) and breaking.pop()

    with EmbeddedBroker(tmp_path, faults=Breaks()) as embedded:
        broker = Broker("embedded", embedded.address)
        topic, name = broker.pair()
        streams = [broker.stream(name), broker.stream(name)]
        eventually(lambda: waiting(embedded, name) == 2, "both streams to wait")
        breaking.append(True)
        broker.publish(topic, b"x")
        eventually(lambda: any(stream.received for stream in streams), "the other stream to be given it", within_s=5)
        broker.close()
