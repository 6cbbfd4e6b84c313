"""Seeks and snapshots over restarts and kills, and what time takes away; the clock is the test's."""

import datetime as dt
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from broker_process import BrokerProcess
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument
from grpc import StatusCode
from pubsub_kit import Broker, data_of, eventually, mask, refused, seconds

from pubsubctl.emulator.embedded import EmbeddedBroker, MovableClock

DAY = 86_400
BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def broker(tmp_path: Path, clock: MovableClock) -> Iterator[Broker]:
    with EmbeddedBroker(tmp_path, clock=clock) as embedded:
        made = Broker("embedded", embedded.address)
        yield made
        made.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[BrokerProcess]:
    made = BrokerProcess(tmp_path)
    yield made
    made.close()


def rows_of(log: Path) -> int:
    with closing(sqlite3.connect(log)) as database:
        count: int = database.execute("SELECT count(*) FROM messages").fetchone()[0]
        return count


def consume(broker: Broker, name: str, count: int) -> list[bytes]:
    got = broker.pull_all(name, count)
    broker.ack(name, *got)
    return sorted(data_of(got))


# Over kills


def test_a_seek_and_a_snapshot_outlive_kill_9(process: BrokerProcess) -> None:
    broker = process.start()
    topic, name = broker.pair(retain_acked_messages=True)
    broker.publish(topic, b"a", b"b", b"c")
    consume(broker, name, 2)
    kept = broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=name)
    consume(broker, name, 1)
    broker.subscriber.seek({"subscription": name, "time": BEGINNING})
    consume(broker, name, 1)
    process.kill()
    again = process.start()
    assert len(consume(again, name, 2)) == 2
    assert again.is_empty(name)
    assert again.subscriber.get_snapshot(snapshot=kept.name) == kept
    again.subscriber.seek({"subscription": name, "snapshot": kept.name})
    consume(again, name, 1)
    assert again.is_empty(name)


def test_what_was_acknowledged_before_a_seek_is_not_settled_by_it_after_a_kill(process: BrokerProcess) -> None:
    """The acks that were in the log are overruled, and those that come late mean nothing."""
    broker = process.start()
    topic, name = broker.pair(retain_acked_messages=True)
    broker.publish(topic, *(b"%d" % n for n in range(100)))
    first = broker.pull_all(name, 100)
    broker.ack(name, *first[:50])
    broker.subscriber.seek({"subscription": name, "time": BEGINNING})
    broker.ack(name, *first[50:])
    process.kill()
    again = process.start()
    again.ack(name, *first)
    assert len(consume(again, name, 100)) == 100
    assert again.is_empty(name)


def test_seeks_beside_acks_and_publishes_never_lose_a_message(process: BrokerProcess) -> None:
    broker = process.start()
    topic, name = broker.pair(retain_acked_messages=True)
    published: list[str] = []
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            published.extend(broker.publish(topic, *(b"x" for _ in range(20))))

    def consume_on() -> None:
        while not stop.is_set():
            got = broker.pull(name, 100, timeout=2)
            if got:
                broker.ack(name, *got)

    threads = [threading.Thread(target=publish), threading.Thread(target=consume_on)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        broker.subscriber.seek({"subscription": name, "time": BEGINNING})
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    process.kill()
    again = process.start()
    again.subscriber.seek({"subscription": name, "time": BEGINNING})
    got = again.pull_all(name, len(published))
    assert sorted(one.message.message_id for one in got) == sorted(published)


def test_a_detached_subscription_stays_so(process: BrokerProcess) -> None:
    broker = process.start()
    topic, name = broker.pair()
    broker.publish(topic, b"x")
    broker.publisher.detach_subscription({"subscription": name})
    process.kill()
    again = process.start()
    with refused(StatusCode.FAILED_PRECONDITION, "detached"):
        again.pull(name)


# What time takes away


def test_a_message_past_its_retention_is_gone(broker: Broker, clock: MovableClock, tmp_path: Path) -> None:
    topic, name = broker.pair(message_retention_duration=seconds(600))
    longer = broker.subscription(topic, message_retention_duration=seconds(3600))
    broker.publish(topic, b"old")
    clock.advance(590)
    broker.publish(topic, b"new")
    clock.advance(20)
    eventually(lambda: data_of(broker.pull(name)) == [b"new"], "the old message to be dropped")
    assert sorted(data_of(broker.pull_all(longer, 2))) == [b"new", b"old"]
    clock.advance(3600)
    eventually(lambda: rows_of(tmp_path / "broker.db") == 0, "an empty log")


def test_a_leased_message_past_its_retention_does_not_come_again(
    broker: Broker, clock: MovableClock, tmp_path: Path
) -> None:
    topic, name = broker.pair(message_retention_duration=seconds(600), ack_deadline_seconds=400)
    broker.publish(topic, b"x")
    [received] = broker.pull(name)
    clock.advance(390)
    broker.modify(name, 600, received)
    clock.advance(220)
    eventually(lambda: rows_of(tmp_path / "broker.db") == 0, "an empty log")
    broker.ack(name, received)
    clock.advance(600)
    assert broker.is_empty(name)


def test_acknowledged_messages_are_kept_for_their_retention_and_no_longer(
    broker: Broker, clock: MovableClock, tmp_path: Path
) -> None:
    topic, name = broker.pair(message_retention_duration=seconds(3600), retain_acked_messages=True)
    broker.publish(topic, b"x")
    consume(broker, name, 1)
    clock.advance(3500)
    broker.subscriber.seek({"subscription": name, "time": BEGINNING})
    assert consume(broker, name, 1) == [b"x"]
    clock.advance(200)
    broker.subscriber.seek({"subscription": name, "time": BEGINNING})
    assert broker.is_empty(name)
    eventually(lambda: rows_of(tmp_path / "broker.db") == 0, "an empty log")


def test_a_topics_retention_is_kept_without_any_subscription(
    broker: Broker, clock: MovableClock, tmp_path: Path
) -> None:
    topic = broker.topic(message_retention_duration=seconds(3600))
    broker.publish(topic, b"x")
    assert rows_of(tmp_path / "broker.db") == 1
    clock.advance(3601)
    eventually(lambda: rows_of(tmp_path / "broker.db") == 0, "an empty log")


def test_a_subscription_that_nobody_uses_expires(broker: Broker, clock: MovableClock) -> None:
    topic = broker.topic()
    unused = broker.subscription(topic, expiration_policy={"ttl": seconds(DAY)})
    used = broker.subscription(topic, expiration_policy={"ttl": seconds(DAY)})
    unlimited = broker.subscription(topic, expiration_policy={})
    for _ in range(3):
        clock.advance(DAY / 2)
        broker.pull(used, timeout=0.5)
    with refused(StatusCode.NOT_FOUND):
        eventually(lambda: not broker.subscriber.get_subscription(subscription=unused), "the end of it")
    assert broker.subscriber.get_subscription(subscription=used)
    assert broker.subscriber.get_subscription(subscription=unlimited)


def test_a_subscription_with_an_open_stream_is_in_use(broker: Broker, clock: MovableClock) -> None:
    _, name = broker.pair(expiration_policy={"ttl": seconds(DAY)})
    stream = broker.stream(name)
    topic = broker.subscriber.get_subscription(subscription=name).topic
    broker.publish(topic, b"x")
    stream.wait_for(1)
    for times in range(2, 5):
        clock.advance(DAY * 0.9)
        stream.wait_for(times)  # its lease has run out: the broker has seen what time it is
    assert broker.subscriber.get_subscription(subscription=name)


def test_a_snapshot_ends_and_with_it_what_only_it_kept(broker: Broker, clock: MovableClock, tmp_path: Path) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"x")
    kept = broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=name)
    consume(broker, name, 1)
    clock.advance(6 * DAY)
    broker.subscriber.seek({"subscription": name, "snapshot": kept.name})
    assert consume(broker, name, 1) == [b"x"]
    clock.advance(DAY + 1)

    def ended() -> bool:
        try:
            broker.subscriber.get_snapshot(snapshot=kept.name)
        except GoogleAPICallError as error:
            return error.grpc_status_code is StatusCode.NOT_FOUND
        return False

    eventually(ended, "the end of the snapshot")
    eventually(lambda: rows_of(tmp_path / "broker.db") == 0, "an empty log")


def test_a_snapshot_lives_a_week_from_its_oldest_message(broker: Broker, clock: MovableClock) -> None:
    topic, name = broker.pair(message_retention_duration=seconds(7 * DAY))
    broker.publish(topic, b"x")
    clock.advance(3 * DAY)
    kept = broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=name)
    left = kept.expire_time - dt.datetime.fromtimestamp(clock.time_ns() / 1e9, dt.UTC)
    assert dt.timedelta(days=3.9) < left < dt.timedelta(days=4.1)
    clock.advance(4 * DAY - 1800)
    with refused(StatusCode.FAILED_PRECONDITION, "less than 1 hour"):
        broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=name)


def test_a_shorter_retention_takes_effect(broker: Broker, clock: MovableClock) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"x")
    clock.advance(3600)
    broker.subscriber.update_subscription(
        subscription={"name": name, "message_retention_duration": seconds(600)},
        update_mask=mask("message_retention_duration"),
    )
    clock.advance(1)
    eventually(lambda: broker.is_empty(name), "the message to be dropped")


# Filters


def test_only_what_the_filter_accepts_is_delivered_and_the_rest_does_not_stay(
    broker: Broker, clock: MovableClock, tmp_path: Path
) -> None:
    topic = broker.topic()
    name = broker.subscription(topic, filter='attributes.kind = "a"')
    for kind in (b"a", b"b", b"a", b"b"):
        broker.publish(topic, kind, attributes={"kind": kind.decode()})
    assert consume(broker, name, 2) == [b"a", b"a"]
    assert broker.is_empty(name)
    clock.advance(1)
    eventually(lambda: rows_of(tmp_path / "broker.db") == 0, "an empty log")


def test_a_filter_holds_after_a_restart_and_for_a_snapshot_of_another_subscription(process: BrokerProcess) -> None:
    broker = process.start()
    topic, every = broker.pair()
    some = broker.subscription(topic, filter='attributes.kind = "a"')
    for kind in (b"a", b"b", b"a", b"b"):
        broker.publish(topic, kind, attributes={"kind": kind.decode()})
    kept = broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=every)
    process.kill()
    again = process.start()
    assert consume(again, some, 2) == [b"a", b"a"]
    again.subscriber.seek({"subscription": some, "snapshot": kept.name})
    assert consume(again, some, 2) == [b"a", b"a"]
    assert again.is_empty(some)


# Exactly once


def failures(call: Any) -> dict[str, str]:
    """What the service says of ack ids that did nothing."""
    with pytest.raises(InvalidArgument) as caught:
        call()
    [info] = [detail for detail in caught.value.details if hasattr(detail, "reason")]
    assert info.reason == "EXACTLY_ONCE_ACKID_FAILURE"
    return dict(info.metadata)


def test_exactly_once_an_ack_that_does_nothing_says_so(broker: Broker, clock: MovableClock) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, b"x", b"y")
    first, second = broker.pull_all(name, 2)
    broker.ack(name, first)
    permanent = "PERMANENT_FAILURE_INVALID_ACK_ID"
    assert failures(lambda: broker.ack(name, first)) == {first.ack_id: permanent}
    clock.advance(11)
    assert failures(lambda: broker.ack(name, second)) == {second.ack_id: permanent}
    assert failures(lambda: broker.modify(name, 60, second)) == {second.ack_id: permanent}
    [again] = broker.pull(name)
    assert again.ack_id != second.ack_id
    assert failures(lambda: broker.ack(name, second, again)) == {second.ack_id: permanent}
    clock.advance(11)
    assert broker.is_empty(name)


def test_exactly_once_a_stream_confirms_acks_and_modacks(broker: Broker) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, b"x", b"y")
    stream = broker.stream(name)
    first, second = stream.wait_for(2)
    assert all(one.subscription_properties.exactly_once_delivery_enabled for one in stream.responses)
    stream.modify(60, second)
    stream.ack(first)
    stream.ack(first)
    eventually(lambda: len(stream.confirmed("acknowledge")) == 2, "both confirmations")
    assert list(stream.confirmed("modify_ack_deadline")[0].ack_ids) == [second.ack_id]
    good, bad = stream.confirmed("acknowledge")
    assert list(good.ack_ids) == [first.ack_id]
    assert list(bad.invalid_ack_ids) == [first.ack_id]


# Files of earlier versions


def test_a_log_of_the_last_format_is_taken_over(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "broker.db")) as old:
        old.execute("PRAGMA page_size = 8192")
        old.executescript(Path(__file__).with_name("format-2.sql").read_text())
        old.execute("UPDATE messages SET published_at = ?", (int(time.time()),))
        old.execute("PRAGMA application_id = 0x70736374")
        old.execute("PRAGMA user_version = 2")
        old.commit()
    with EmbeddedBroker(tmp_path) as embedded:
        broker = Broker("embedded", embedded.address)
        name = "projects/p/subscriptions/old-subscription"
        assert dict(broker.subscriber.get_subscription(subscription=name).labels) == {"made": "before"}
        assert sorted(data_of(broker.pull_all(name, 2))) == [b"three", b"two"]
        broker.close()
