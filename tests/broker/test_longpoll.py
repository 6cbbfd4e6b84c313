"""A pull that waits for messages, and can be ended."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.longpoll import LongPoll
from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.settings import Settings

TOPIC = "projects/a-project/topics/orders"
SUBSCRIPTION = "projects/a-project/subscriptions/workers"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings.load({}, environ={"PUBSUB_EMULATOR_HOST": broker.address})
        with Connection(settings) as connection:
            connection.publisher.create_topic(name=TOPIC)
            connection.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
            yield connection


class SignallingPoll(LongPoll):
    """Tells when its call to the broker is under way."""

    def __init__(self, connection: Connection, subscription_path: str) -> None:
        super().__init__(connection, subscription_path)
        self.begun = threading.Event()

    def _begin(self, limit: int, wait_s: float) -> "grpc.Future[Any] | None":
        call = super()._begin(limit, wait_s)
        self.begun.set()
        return call


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_it_is_ended_at_once_by_another_thread_whatever_is_logged(connection, caplog, level):
    caplog.set_level(level, logger="google")  # whose own stubs wait for the answer where they log it
    poll = SignallingPoll(connection, SUBSCRIPTION)
    with ThreadPoolExecutor(1) as thread:
        pulled = thread.submit(poll.pull, 1, wait_s=30.0)
        assert poll.begun.wait(20)
        began = time.monotonic()
        poll.end()
        assert pulled.result(20) == []
    assert time.monotonic() - began < 5
