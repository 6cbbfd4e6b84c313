"""A puller on a real broker, with a sink that the test reads."""

import queue
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from project import wait_for

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.broker.publish import Outgoing, Publisher
from pubsubctl.settings import Settings
from pubsubctl.worker.delivery import Message
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.puller import Puller
from pubsubctl.worker.watchdog import Patience


class Sink:
    """Keeps deliveries; drains as the test says."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.streams: list[object] = []
        self.threads: set[str] = set()
        self.abandoned: list[object] = []
        self.hopeless: list[str] = []
        self.on_drain: Callable[[], None] = lambda: None

    def deliver(self, message: Message, stream: object) -> None:
        self.threads.add(threading.current_thread().name)
        if stream not in self.streams:
            self.streams.append(stream)
        self.messages.put(message)

    def running_of(self, stream: object) -> int:
        return 0

    def abandon(self, stream: object) -> None:
        self.abandoned.append(stream)

    def drain(self, timeout_s: float) -> None:
        self.on_drain()

    def is_hungry(self) -> bool:
        return False

    def next(self, timeout_s: float = 20.0) -> Message:
        return self.messages.get(timeout=timeout_s)


class Rig:
    """A puller on a broker.

    Args:
        address: of the broker.
        folder: where the settings are looked for.
        pull_at: where the puller finds the broker, if that is elsewhere.
    """

    def __init__(self, address: str, folder: Path, *, pull_at: str | None = None) -> None:
        self.settings = Settings.load({"emulator_host": address}, environ={}, start=folder)
        self.connection = Connection(self.settings)
        elsewhere = Settings.load({"emulator_host": pull_at or address}, environ={}, start=folder)
        self.pulling = Connection(elsewhere)
        self.sink = Sink()
        self.meters = Meters()
        provisioner = Provisioner(self.connection, self.settings, Wanted(min_retry_delay=0, max_retry_delay=0))
        list(provisioner.apply(provisioner.plan()))
        self.publisher = Publisher(self.connection, self.settings.topic_path)
        self.pullers: list[Puller] = []

    def pull(
        self,
        *,
        hold: int = 10,
        lease_s: int = 10,
        subscription: str | None = None,
        waiting: Callable[[float], bool] = lambda _: False,
        patience: Patience | None = None,
    ) -> Puller:
        puller = Puller(
            self.pulling,
            subscription or self.settings.subscription_path,
            self.sink,
            hold=hold,
            lease_s=lease_s,
            drain_timeout_s=5.0,
            on_hopeless=self.sink.hopeless.append,
            meters=self.meters,
            waiting=waiting,
            patience=patience,
        )
        self.pullers.append(puller)
        puller.start()
        return puller

    def publish(self, *data: bytes) -> None:
        self.publisher.publish([Outgoing(each, {"n": "1"}) for each in data])

    def manager(self, puller: Puller) -> Any:
        """The client's own manager of the open stream."""
        wait_for(lambda: puller._stream is not None, what="the stream is open")
        return puller._stream.manager

    def waiting(self) -> list[bytes]:
        """What a plain pull is given at once."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of return_immediately, which says what is meant
            answer = self.connection.subscriber.pull(
                subscription=self.settings.subscription_path, max_messages=100, return_immediately=True
            )
        return [received.message.data for received in answer.received_messages]

    def close(self) -> None:
        for puller in self.pullers:
            puller.stop()
        self.pulling.close()
        self.connection.close()
