"""How dead letters are moved: in portions, whatever fails, and for good."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pubsub_kit import Broker, data_of

from pubsubctl.emulator.embedded import EmbeddedBroker, Faults, upkeep
from pubsubctl.emulator.embedded import broker as broker_module
from pubsubctl.emulator.embedded.deliveries import Window
from pubsubctl.emulator.embedded.messages import Messages

ATTEMPTS = 5


class SlowDisk(Faults):
    """Commits take a while, as long as ``slow``."""

    slow = False

    def before_commit(self) -> None:
        if self.slow:
            time.sleep(0.3)


@pytest.fixture
def disk() -> SlowDisk:
    return SlowDisk()


@pytest.fixture
def broker(tmp_path: Path, disk: SlowDisk) -> Iterator[Broker]:
    with EmbeddedBroker(tmp_path, faults=disk, window=Window(leased_size=1)) as embedded:
        made = Broker("embedded", embedded.address)
        yield made
        made.close()


def dead_letter_pair(broker: Broker) -> tuple[str, str, str]:
    dead = broker.topic()
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": ATTEMPTS}
    return *broker.pair(dead_letter_policy=policy), broker.subscription(dead)


def pull_for_the_last_time(broker: Broker, subscription: str, count: int) -> list[Any]:
    for _ in range(ATTEMPTS - 1):
        broker.modify(subscription, 0, *broker.pull_all(subscription, count))
    return broker.pull_all(subscription, count)


def test_many_are_moved_in_portions(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    portions = []
    move = broker_module.Broker._move

    async def noted(self: broker_module.Broker, channel: Any, dead: Any, topic: Any) -> None:
        portions.append(len(dead))
        await move(self, channel, dead, topic)

    monkeypatch.setattr(broker_module, "READ_SIZE", 1_000)
    monkeypatch.setattr(broker_module.Broker, "_move", noted)
    topic, subscription, dead_subscription = dead_letter_pair(broker)
    data = [b"%03d" % n * 100 for n in range(30)]
    broker.publish(topic, *data)
    broker.modify(subscription, 0, *pull_for_the_last_time(broker, subscription, 30))
    assert sorted(data_of(broker.pull_all(dead_subscription, 30))) == data
    assert sum(portions) == 30
    assert max(portions) <= 4


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), RuntimeError("something else")])
def test_what_could_not_be_read_is_delivered_on(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    topic, subscription, dead_subscription = dead_letter_pair(broker)
    broker.publish(topic, b"x")
    last = pull_for_the_last_time(broker, subscription, 1)
    bodies, failures = Messages.bodies, [error]

    def failing_once(self: Messages, *given: Any, **more: Any) -> Any:
        if failures:
            raise failures.pop()
        return bodies(self, *given, **more)

    monkeypatch.setattr(Messages, "bodies", failing_once)
    broker.modify(subscription, 0, *last)
    [again] = broker.pull_all(subscription, 1)
    assert not failures
    assert again.delivery_attempt == ATTEMPTS + 1
    broker.modify(subscription, 0, again)
    assert data_of(broker.pull_all(dead_subscription, 1)) == [b"x"]


def test_what_was_moved_while_acks_were_folded_does_not_come_back(
    broker: Broker, disk: SlowDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, subscription, dead_subscription = dead_letter_pair(broker)
    broker.publish(topic, b"dead")
    [dead] = pull_for_the_last_time(broker, subscription, 1)
    broker.publish(topic, b"settled")
    [settled] = broker.pull_all(subscription, 1)
    monkeypatch.setattr(upkeep, "FOLD_AFTER_GROUPS", 1)
    disk.slow = True
    broker.modify(subscription, 0, dead)
    time.sleep(0.1)
    broker.ack(subscription, settled)
    disk.slow = False
    assert data_of(broker.pull_all(dead_subscription, 1)) == [b"dead"]
    with sqlite3.connect(tmp_path / "broker.db") as log:
        kept = log.execute("SELECT unsettled FROM subscriptions WHERE name = ?", (subscription,)).fetchone()
    log.close()
    assert kept == (b"",)
