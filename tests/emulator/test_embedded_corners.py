"""What happens when two changes meet, when the disk is full at the wrong moment, and when nothing is left to do."""

import asyncio
import datetime as dt
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_process import BrokerProcess
from google.api_core.exceptions import GoogleAPICallError, NotFound, ResourceExhausted
from grpc import StatusCode
from pubsub_kit import Broker, data_of, eventually, refused, seconds

from pubsubctl.emulator.embedded import EmbeddedBroker, Faults, MovableClock

BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
DAY = 86_400


class FullDisk(Faults):
    """The next ``left`` transactions find no room; all of them while ``full``."""

    full = False
    left = 0

    def before_commit(self) -> None:
        if self.left:
            self.left -= 1
        elif not self.full:
            return
        raise sqlite3.OperationalError("database or disk is full")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def disk() -> FullDisk:
    return FullDisk()


@pytest.fixture
def embedded(tmp_path: Path, clock: MovableClock, disk: FullDisk) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path, clock=clock, faults=disk) as made:
        yield made
        disk.full = False


@pytest.fixture
def broker(embedded: EmbeddedBroker) -> Iterator[Broker]:
    made = Broker("embedded", embedded.address)
    yield made
    made.close()


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Do ``work`` beside the test; what came of it is in the list when the thread has ended."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except GoogleAPICallError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().split()
    return (int(fields[13]) + int(fields[14])) / 100


def test_a_seek_back_keeps_what_nobody_acknowledged_however_old(broker: Broker, clock: MovableClock) -> None:
    topic = broker.topic(message_retention_duration=seconds(600))
    name = broker.subscription(topic)
    broker.publish(topic, b"unacknowledged")
    clock.advance(1200)
    broker.subscriber.seek({"subscription": name, "time": BEGINNING})
    assert data_of(broker.pull(name)) == [b"unacknowledged"]


def test_an_ack_while_a_seek_is_under_way_outlives_a_kill_before_its_end(
    broker: Broker, embedded: EmbeddedBroker, tmp_path: Path
) -> None:
    topic, name = broker.pair(retain_acked_messages=True)
    broker.publish(topic, b"x")
    received = broker.pull(name)
    serving = embedded._serving
    assert serving is not None
    reading = threading.Event()
    serving.broker._reads.submit(reading.wait, 10)
    seeking, _ = in_thread(lambda: broker.subscriber.seek({"subscription": name, "time": BEGINNING}))
    eventually(lambda: serving.broker._changes._running, "the seek to begin")
    broker.ack(name, *received)
    as_killed = tmp_path / "as-killed"
    as_killed.mkdir()
    for file in tmp_path.glob("broker.db*"):
        shutil.copy(file, as_killed)
    reading.set()
    seeking.join()
    assert data_of(broker.pull(name)) == [b"x"]
    with EmbeddedBroker(as_killed) as again:
        other = Broker("embedded", again.address, broker.project)
        assert other.is_empty(name)
        other.close()


def test_detaching_twice_is_detaching(broker: Broker) -> None:
    _, name = broker.pair()
    for _ in range(2):
        broker.publisher.detach_subscription({"subscription": name})
    with refused(StatusCode.FAILED_PRECONDITION, "detached"):
        broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=name)


def test_a_snapshot_of_what_is_deleted_meanwhile_is_refused(broker: Broker, embedded: EmbeddedBroker) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"x")
    serving = embedded._serving
    assert serving is not None
    reading = threading.Event()
    serving.broker._reads.submit(reading.wait, 10)
    creating, outcome = in_thread(
        lambda: broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=name)
    )
    broker.subscriber.delete_subscription(subscription=name)
    broker.publisher.delete_topic(topic=topic)
    reading.set()
    creating.join()
    assert isinstance(outcome[0], NotFound)


def test_an_expiry_does_not_delete_what_was_made_anew_under_the_name(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock
) -> None:
    topic = broker.topic()
    policy = {"ttl": seconds(DAY)}
    name = broker.subscription(topic, expiration_policy=policy)
    serving = embedded._serving
    assert serving is not None
    turn = asyncio.Event()
    taken = asyncio.run_coroutine_threadsafe(serving.broker._changes.make(turn.wait()), embedded._loop)
    deleting, _ = in_thread(lambda: broker.subscriber.delete_subscription(subscription=name))
    eventually(lambda: len(serving.broker._changes._running) == 2, "the deletion to wait for its turn")
    creating, _ = in_thread(
        lambda: broker.subscriber.create_subscription({"name": name, "topic": topic, "expiration_policy": policy})
    )
    eventually(lambda: len(serving.broker._changes._running) == 3, "the creation to wait for its turn")
    clock.advance(DAY + 1)
    eventually(lambda: len(serving.broker._changes._running) == 4, "the expiry to wait for its turn")
    embedded._loop.call_soon_threadsafe(turn.set)
    taken.result(10)
    deleting.join()
    creating.join()
    broker.publish(topic, b"new")
    assert data_of(broker.pull(name)) == [b"new"]


def test_what_one_expiry_could_not_write_does_not_hold_up_the_others(
    broker: Broker, clock: MovableClock, disk: FullDisk
) -> None:
    broker.subscription(broker.topic(), expiration_policy={"ttl": seconds(DAY)})
    topic, name = broker.pair(message_retention_duration=seconds(600), expiration_policy={})
    broker.publish(topic, b"old")
    disk.left = 1
    clock.advance(DAY + 1)
    eventually(lambda: broker.is_empty(name), "the old message to be dropped")


def test_a_deletion_that_could_not_be_written_leaves_the_policy(broker: Broker, disk: FullDisk) -> None:
    topic = broker.topic()
    bindings = [{"role": "roles/viewer", "members": ["user:a@example.com"]}]
    broker.publisher.set_iam_policy({"resource": topic, "policy": {"bindings": bindings}})
    disk.full = True
    with pytest.raises(ResourceExhausted):
        broker.publisher.delete_topic(topic=topic, retry=None)
    disk.full = False
    assert [one.role for one in broker.publisher.get_iam_policy({"resource": topic}).bindings] == ["roles/viewer"]


def test_a_file_that_cannot_shrink_fails_nothing(broker: Broker, embedded: EmbeddedBroker, clock: MovableClock) -> None:
    serving = embedded._serving
    assert serving is not None
    tried = threading.Event()

    def shrink() -> bool:
        tried.set()
        raise sqlite3.OperationalError("database or disk is full")

    serving.broker.log.shrink = shrink  # type: ignore[method-assign]
    clock.advance(1)
    assert tried.wait(10)
    topic, name = broker.pair()
    broker.publish(topic, b"x")
    assert data_of(broker.pull(name)) == [b"x"]


def test_exactly_once_an_ack_that_could_not_be_written_may_be_sent_again(broker: Broker, disk: FullDisk) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, b"x")
    [received] = broker.pull(name)
    disk.full = True
    with pytest.raises(ResourceExhausted):
        broker.subscriber.acknowledge(subscription=name, ack_ids=[received.ack_id], retry=None)
    disk.full = False
    broker.ack(name, received)
    assert broker.is_empty(name)


def test_when_nothing_is_left_nothing_is_done(tmp_path: Path) -> None:
    process = BrokerProcess(tmp_path)
    broker = process.start()
    topic, name = broker.pair()
    broker.publish(topic, b"x")
    broker.publisher.detach_subscription({"subscription": name})
    broker.publisher.delete_topic(topic=topic)
    broker.subscriber.delete_subscription(subscription=name)
    before = cpu_s(process.pid)
    time.sleep(2)
    assert cpu_s(process.pid) - before < 0.5
    assert process.terminate() == 0
    process.close()
