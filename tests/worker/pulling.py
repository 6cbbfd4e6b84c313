"""A puller on a real broker, with a sink that the test reads."""

import queue
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.broker.publish import Outgoing, Publisher
from pubsubctl.emulator.embedded import Faults
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.settings import Settings
from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.gears import Gears, Tempo
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.puller import Puller
from pubsubctl.worker.watchdog import Patience

BELIEVING = 100
"""How many messages Google's emulator sends at once, whatever a stream has asked for."""


class Watched(Faults):
    """Counts calls by their method, and makes the faults that a test asks for."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.refusals: dict[str, Refusal] = {}
        self._breaks = 0

    async def before_rpc(self, method: str) -> None:
        self.calls[method] += 1
        if method in self.refusals:
            raise self.refusals[method]

    def disconnect(self, times: int) -> None:
        """Let the next responses end their streams instead of being sent."""
        self._breaks = times

    def disconnects(self) -> bool:
        self._breaks -= 1
        return self._breaks >= 0


class Sink:
    """Keeps deliveries; drains as the test says."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self.streams: list[object] = []
        self.spared: list[object] = []
        self.thinned = 0
        self.hungry = False
        self.pace = Tempo(mean_s=1.0, stalled_s=0.0)
        self.hopeless: list[str] = []
        self.on_deliver: Callable[[Sequence[Arrival], object], None] = lambda *_: None
        self.on_spare: Callable[[object], object] = lambda _: None
        self.on_drain: Callable[[], object] = lambda: None

    def deliver(self, messages: Sequence[Arrival], stream: object) -> None:
        self.on_deliver(messages, stream)
        if stream not in self.streams:
            self.streams.append(stream)
        for message in messages:
            self.messages.put(message)

    def spare(self, stream: object, *, claimed: bool) -> None:
        self.spared.append(stream)
        self.on_spare(stream)

    def thin_out(self, most_deliveries: float) -> int:
        self.thinned += 1
        return 0

    def tempo(self) -> Tempo:
        return self.pace

    def running(self) -> int:
        return 0

    def drain(self, timeout_s: float) -> None:
        self.on_drain()

    def is_hungry(self) -> bool:
        return self.hungry

    def next(self, timeout_s: float = 20.0) -> Arrival:
        return self.messages.get(timeout=timeout_s)


class Rig:
    """A puller on a broker.

    Args:
        address: of the broker.
        folder: where the settings are looked for.
        pull_at: where the puller finds the broker, if that is elsewhere.
        project: a name of its own, where the broker is not.
    """

    def __init__(self, address: str, folder: Path, *, pull_at: str | None = None, project: str = "p-local") -> None:
        self.settings = Settings.load({"emulator_host": address, "project": project}, environ={}, start=folder)
        self.connection = Connection(self.settings)
        elsewhere = Settings.load({"emulator_host": pull_at or address}, environ={}, start=folder)
        self.pulling = Connection(elsewhere)
        self.sink = Sink()
        self.meters = Meters()
        provisioner = Provisioner(self.connection, self.settings, Wanted(min_retry_delay=0, max_retry_delay=0))
        list(provisioner.apply(provisioner.plan()))
        self.publisher = Publisher(self.connection, self.settings.topic_path)
        self.pullers: list[Puller] = []

    def pull(self, **more: Any) -> Puller:
        """A puller that has begun; see ``make``."""
        puller = self.make(**more)
        puller.start()
        return puller

    def make(
        self,
        *,
        hold: int = 10,
        most: int = 0,
        lease_s: int = 10,
        subscription: str | None = None,
        waiting: Callable[[float], bool] = lambda _: False,
        patience: Patience | None = None,
    ) -> Puller:
        puller = Puller(
            self.pulling,
            subscription or self.settings.subscription_path,
            self.sink,
            gears=Gears(1, least=hold, most=most),
            lease_s=lease_s,
            drain_timeout_s=5.0,
            on_hopeless=self.sink.hopeless.append,
            meters=self.meters,
            waiting=waiting,
            patience=patience,
        )
        self.pullers.append(puller)
        return puller

    def publish(self, *data: bytes) -> None:
        self.publisher.publish([Outgoing(each, {"n": "1"}) for each in data])

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
