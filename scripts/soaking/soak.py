"""The whole of a soak, from the first publish to the last look."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from google.api_core.exceptions import AlreadyExists
from google.cloud import pubsub_v1

from soaking import verdict
from soaking.broker import BrokerProcess, Died
from soaking.clients import insist
from soaking.delivery import Violation
from soaking.kills import Kills
from soaking.progress import Progress
from soaking.publishing import Publishing, publish_last
from soaking.pulling import Pulling
from soaking.replaying import Replaying
from soaking.scene import Scene, Subscription
from soaking.streaming import Streaming

POLL_S = 0.1
SETUP_S = 20.0
STOP_S = 60.0
RESCUE_S = 30.0
LOOK_S = 2.0
REPORT_S = 10.0
SETTLE_EVERY = 4
OURS = ("pull-", "stream-", "publish-", "replay")


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        seconds: how long to publish.
        kill_every_s: how long the emulator lives, on average; now and then it is killed again at once.
        chaos: its faults.
        rate: messages a second to each topic.
        drain_s: how long it may take at the end until all has come.
    """

    seconds: float
    kill_every_s: float
    chaos: str
    rate: float
    drain_s: float


class Soak:
    """See the module.

    Attributes:
        scene: the topics and subscriptions, with all that was counted.
        broken: why the soak could not go on, if so.
        drained: whether all that was published has come in time.
    """

    def __init__(self, plan: Plan, data: Path, tell: Callable[[str], None]) -> None:
        """Nothing happens before ``run``.

        Args:
            plan: what to do.
            data: a directory for the emulator.
            tell: told what is going on.
        """
        self.scene = Scene()
        self.broker = BrokerProcess(data, plan.chaos)
        os.environ["PUBSUB_EMULATOR_HOST"] = self.broker.address
        self.replaying = Replaying(self.scene.replay, self.broker)
        self.broken: str | None = None
        self.drained = False
        self._plan = plan
        self._tell = tell
        self._interrupts = 0
        self._crashes: list[Violation] = []
        self._progress = Progress(self.scene)
        self._kills = Kills(self.broker, plan.kill_every_s)
        self._publishing = [
            Publishing(topic, self.broker, rate=plan.rate, may_go_on=self._progress.keeps_up)
            for topic in self.scene.topics
        ]
        self._consumers = [self._consumer(one) for one in self.scene.subscriptions]

    def interrupt(self) -> None:
        """Stop publishing; the second time, do not wait for what has not come either."""
        self._interrupts += 1

    def run(self) -> None:
        """Load, drain, look."""
        threading.excepthook = self._crash
        try:
            self._set_up()
            self._load()
            self._drain()
            if not self._is_impatient:
                self._look()
        except Died as error:
            self.broken = str(error)
        finally:
            for worker in [*self._publishing, self.replaying, *self._consumers]:
                worker.stop()
            self.broker.end()

    def violations(self) -> list[Violation]:
        """All that must never happen and did; where the end was not waited for, nothing is called lost."""
        is_over = self.broken is None and not self._is_impatient
        found = verdict.found(self.scene, self._is_excused) if is_over else []
        return self._crashes + verdict.noted(self.scene) + found

    # The phases

    def _set_up(self) -> None:
        self.broker.start(chaos="off")
        with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
            for topic in [self.scene.graveyard, *self.scene.topics]:
                name = topic.name
                insist(lambda name=name: publisher.create_topic(name=name), SETUP_S, fine=(AlreadyExists,))
            for one in self.scene.subscriptions:
                request = {"name": one.name, "topic": one.topic.name, **one.settings}
                insist(lambda request=request: subscriber.create_subscription(request=request), SETUP_S)

    def _load(self) -> None:
        for worker in [*self._consumers, *self._publishing, self.replaying]:
            worker.start()
        begun = told_at = time.monotonic()
        while (now := time.monotonic()) < begun + self._plan.seconds and not self._interrupts:
            self.broker.check()
            if self._kills.is_due():
                self._end_life()
            if now > told_at + REPORT_S:
                told_at = now
                self._tell(self._progress.line(self.broker.life))
            time.sleep(POLL_S)

    def _end_life(self) -> None:
        """Kill the emulator; now and then not before it has brought all that was published so far."""
        if self.broker.life % SETTLE_EVERY == SETTLE_EVERY - 1:
            self._settle(True)
            self._await_all()
            self._settle(False)
        self._kills.kill_at_a_moment()

    def _drain(self) -> None:
        """First without a kill: what has gone astray in this life would come after a restart."""
        self._tell("publishing ends")
        self._settle(True)
        self._stop(*self._publishing, self.replaying)
        self._tell("draining")
        self._await_all()
        # Nothing of the last life shall be leased to a stream that is about to give up.
        self._stop(*self._consumers)
        self._kills.restart(chaos="off")
        self._consumers = [self._consumer(one) for one in self.scene.subscriptions]
        for consumer in self._consumers:
            consumer.settle(True)
            consumer.start()
        for topic in self.scene.topics:
            publish_last(topic, self.broker)
        self.drained = self._wait(self._plan.drain_s, lambda: self._progress.is_quiet() and not self._missing())

    def _await_all(self) -> None:
        """Wait for all that was published so far, in this life."""
        if not self._wait(self._plan.drain_s, lambda: not self._missing()) and not self._is_impatient:
            self._note_stuck("stuck until the emulator was started anew")

    def _settle(self, settling: bool) -> None:
        """Have nothing published, refused, left or sought, or have all this again."""
        for worker in [*self._publishing, self.replaying, *self._consumers]:
            worker.settle(settling)

    def _note_stuck(self, rule: str) -> None:
        for one in self.scene.subscriptions:
            if missing := self._missing_of(one):
                one.ledger.violate(rule, f"{len(missing):,} messages, such as {missing[:10]}")

    def _look(self) -> None:
        """Nothing is left, and nothing comes again, even after one more kill."""
        self._tell("looking for what is left")
        self._stop(*self._consumers)
        self._consumers = []
        self._kills.restart(chaos="off")
        if not self.drained:
            self._rescue()
            return
        with pubsub_v1.SubscriberClient() as subscriber, ThreadPoolExecutor(len(self.scene.subscriptions)) as pool:
            list(pool.map(partial(self._look_at, subscriber), self.scene.subscriptions))

    def _look_at(self, subscriber: pubsub_v1.SubscriberClient, subscription: Subscription) -> None:
        request = {"subscription": subscription.name, "max_messages": 100}
        answer = insist(lambda: subscriber.pull(request=request, timeout=LOOK_S, retry=None), SETUP_S)
        left = [received.message.attributes["own"] for received in answer.received_messages] if answer else []
        if left:
            subscription.ledger.violate("left over after all was acknowledged", f"{len(left)}: {left[:10]}")

    def _rescue(self) -> None:
        """Tell what is lost from what the emulator has, but did not give to the consumer that there was."""
        self._note_stuck("stuck")
        self._consumers = [
            Pulling(self.scene, one, self.broker) for one in self.scene.subscriptions if self._missing_of(one)
        ]
        for consumer in self._consumers:
            consumer.settle(True)
            consumer.start()
        self._wait(RESCUE_S, lambda: not self._missing())

    # Inside

    def _crash(self, crash: threading.ExceptHookArgs) -> None:
        """A thread of ours ended by an error; the client's own may do so when it is closed."""
        if crash.thread and crash.thread.name.startswith(OURS):
            what = f"{crash.exc_type.__name__}: {crash.exc_value}"
            self._crashes.append(Violation(crash.thread.name, "crashed", what))

    @property
    def _is_impatient(self) -> bool:
        return self._interrupts > 1

    def _stop(self, *workers: Publishing | Replaying | Streaming | Pulling) -> None:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(STOP_S)

    def _consumer(self, subscription: Subscription) -> Streaming | Pulling:
        kind = Streaming if subscription.streams else Pulling
        return kind(self.scene, subscription, self.broker)

    def _wait(self, within_s: float, condition: Callable[[], bool]) -> bool:
        """Whether it came true in time, while the emulator ran."""
        begun = asked = time.monotonic()
        while not condition():
            now = time.monotonic()
            if now > begun + within_s or self._is_impatient:
                return False
            self.broker.check()
            # What is asked for may be long to find out, and the consumers need the interpreter too.
            time.sleep(POLL_S + now - asked)
            asked = time.monotonic()
        return True

    def _missing(self) -> bool:
        return any(self._missing_of(one) for one in self.scene.subscriptions)

    def _missing_of(self, subscription: Subscription) -> list[str]:
        return verdict.missing(self.scene, subscription, self._is_excused)

    def _is_excused(self, own: str) -> bool:
        """Whether a seek to a time may have dropped this message of the replayed topic before it came."""
        publication = self.scene.replayed.published.find(own)
        return publication is not None and publication.started_at <= self.replaying.dropped_before
