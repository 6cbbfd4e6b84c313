"""Changes that are cut short, or made at the same time: log and memory stay one, and no change is lost."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from pubsub_kit import Broker, eventually, mask, refused

from pubsubctl.emulator.embedded import EmbeddedBroker, Faults


class SlowDisk(Faults):
    """Commits take a while, as long as ``slow``."""

    def __init__(self) -> None:
        self.slow = False
        self.writing = threading.Event()

    def before_commit(self) -> None:
        if self.slow:
            self.writing.set()
            time.sleep(0.4)


@pytest.fixture
def disk() -> SlowDisk:
    return SlowDisk()


@pytest.fixture
def broker(tmp_path: Path, disk: SlowDisk) -> Iterator[Broker]:
    with EmbeddedBroker(tmp_path, faults=disk) as embedded:
        made = Broker("embedded", embedded.address)
        yield made
        made.close()


def test_a_change_whose_caller_went_away_is_made_in_memory_too(tmp_path: Path, disk: SlowDisk) -> None:
    with EmbeddedBroker(tmp_path, faults=disk) as embedded:
        broker = Broker("embedded", embedded.address)
        topic, subscription = broker.pair()
        created = broker.name("topics")
        disk.slow = True
        for call, request in (
            (broker.publisher.create_topic, {"name": created}),
            (broker.subscriber.delete_subscription, {"subscription": subscription}),
            (broker.publisher.delete_topic, {"topic": topic}),
        ):
            with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
                call(request, retry=None, timeout=0.1)
        project = f"projects/{broker.project}"
        expected = [created]
        eventually(
            lambda: [one.name for one in broker.publisher.list_topics(project=project)] == expected, "the changes"
        )
        disk.slow = False
        assert not list(broker.subscriber.list_subscriptions(project=project))
        with refused(grpc.StatusCode.ALREADY_EXISTS):
            broker.topic(name=created)
        broker.close()
    with EmbeddedBroker(tmp_path) as embedded:
        broker = Broker("embedded", embedded.address, project=broker.project)
        assert [one.name for one in broker.publisher.list_topics(project=project)] == expected
        assert not list(broker.subscriber.list_subscriptions(project=project))
        broker.close()


def test_changes_that_are_under_way_at_a_stop_are_made(tmp_path: Path, disk: SlowDisk) -> None:
    with EmbeddedBroker(tmp_path, faults=disk) as embedded:
        broker = Broker("embedded", embedded.address)
        broker.topic()
        disk.slow = True
        names = [broker.name("topics") for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(_create_briefly, broker, name) for name in names]
            assert all(future.result() is grpc.StatusCode.DEADLINE_EXCEEDED for future in futures)
        broker.close()
    with EmbeddedBroker(tmp_path) as embedded:
        again = Broker("embedded", embedded.address)
        assert {one.name for one in again.publisher.list_topics(project=f"projects/{broker.project}")} >= set(names)
        again.close()


def _create_briefly(broker: Broker, name: str) -> grpc.StatusCode | None:
    with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
        broker.publisher.create_topic({"name": name}, retry=None, timeout=0.2)
    return grpc.StatusCode.DEADLINE_EXCEEDED


def test_changes_of_different_fields_at_the_same_time_are_both_made(broker: Broker, disk: SlowDisk) -> None:
    topic, subscription = broker.pair()
    disk.slow = True

    def update(field: str, value: object) -> None:
        broker.subscriber.update_subscription(
            subscription={"name": subscription, field: value}, update_mask=mask(field)
        )

    def update_topic(field: str, value: object) -> None:
        broker.publisher.update_topic(topic={"name": topic, field: value}, update_mask=mask(field))

    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(update, "ack_deadline_seconds", 77),
            pool.submit(update, "labels", {"a": "b"}),
            pool.submit(update_topic, "message_retention_duration", {"seconds": 1200}),
            pool.submit(update_topic, "labels", {"c": "d"}),
        ]
        for call in calls:
            call.result()
    found = broker.subscriber.get_subscription(subscription=subscription)
    assert (found.ack_deadline_seconds, dict(found.labels)) == (77, {"a": "b"})
    changed = broker.publisher.get_topic(topic=topic)
    assert changed.message_retention_duration.total_seconds() == 1200
    assert dict(changed.labels) == {"c": "d"}
