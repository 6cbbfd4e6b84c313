"""A full disk: publishers hear of it, nothing that was answered for is lost, and it passes."""

import resource
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_process import BrokerProcess
from grpc import StatusCode
from pubsub_kit import Broker, data_of, refused

from pubsubctl.emulator.embedded import EmbeddedBroker, Faults


class FullDisk(Faults):
    """Commits fail while ``full``."""

    full = False

    def before_commit(self) -> None:
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")


@pytest.fixture
def disk() -> FullDisk:
    return FullDisk()


@pytest.fixture
def broker(tmp_path: Path, disk: FullDisk) -> Iterator[Broker]:
    with EmbeddedBroker(tmp_path, faults=disk) as embedded:
        made = Broker("embedded", embedded.address)
        yield made
        made.close()


def publish_once(broker: Broker, topic: str, data: bytes) -> str:
    """Without trying again; the id that was answered."""
    request = {"topic": topic, "messages": [{"data": data}]}
    [id_] = broker.publisher.publish(request, retry=None, timeout=10).message_ids
    return id_


def test_a_publish_that_cannot_be_written_is_answered_so_that_clients_try_again(broker: Broker, disk: FullDisk) -> None:
    topic, subscription = broker.pair()
    publish_once(broker, topic, b"1")
    disk.full = True
    with refused(StatusCode.RESOURCE_EXHAUSTED, "Make room for"):
        publish_once(broker, topic, b"2")
    disk.full = False
    publish_once(broker, topic, b"3")
    assert data_of(broker.pull_all(subscription, 2)) == [b"1", b"3"]


def test_changes_that_cannot_be_written_have_not_happened(broker: Broker, disk: FullDisk) -> None:
    topic = broker.topic()
    disk.full = True
    missing = broker.name("subscriptions")
    with refused(StatusCode.RESOURCE_EXHAUSTED):
        broker.subscriber.create_subscription({"name": missing, "topic": topic}, retry=None)
    with refused(StatusCode.RESOURCE_EXHAUSTED):
        broker.publisher.delete_topic({"topic": topic}, retry=None)
    disk.full = False
    assert broker.publisher.get_topic(topic=topic)
    broker.subscriber.create_subscription(name=missing, topic=topic)


def test_an_ack_that_cannot_be_written_is_written_later(broker: Broker, disk: FullDisk, tmp_path: Path) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"1")
    [received] = broker.pull(subscription)
    disk.full = True
    with refused(StatusCode.RESOURCE_EXHAUSTED):
        broker.subscriber.acknowledge(
            {"subscription": subscription, "ack_ids": [received.ack_id]}, retry=None, timeout=10
        )
    disk.full = False
    broker.ack(subscription, received)
    with sqlite3.connect(tmp_path / "broker.db") as log:
        assert log.execute("SELECT count(*) FROM acks").fetchone() == (1,)
    log.close()


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_limit_on_the_file_itself(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for the full disk: SQLite's own writes fail, and work again when it is lifted."""
    process = BrokerProcess(tmp_path)
    try:
        broker = process.start()
        topic, subscription = broker.pair()
        answered = [publish_once(broker, topic, b"before")]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        with refused(StatusCode.RESOURCE_EXHAUSTED):
            answered.extend(publish_once(broker, topic, b"x" * 400_000) for _ in range(20))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        answered.append(publish_once(broker, topic, b"after"))
        process.kill()
        broker = process.start()
        received = broker.pull_all(subscription, len(answered))
        assert [one.message.message_id for one in received] == answered
        assert (received[0].message.data, received[-1].message.data) == (b"before", b"after")
        assert broker.is_empty(subscription)
    finally:
        process.close()
