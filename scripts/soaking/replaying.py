"""Seeks of one subscription, to snapshots and to times, and what has to come again by each."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from google.api_core.exceptions import AlreadyExists, NotFound
from google.cloud import pubsub_v1

from soaking.broker import BrokerProcess
from soaking.clients import GaveUp, insist
from soaking.publications import Publication
from soaking.scene import PROJECT, Subscription

EVERY_S = (0.5, 5.0)
BACK_S = 4.0
INSIST_S = 60.0
COMES_S = 90.0
POLL_S = 0.2


class Replaying:
    """Seeks now and then, until it is stopped.

    Attributes:
        done: how many snapshots were made, how many seeks of each kind, and how many messages came again by them.
        dropped_before: messages published before may have been dropped by a seek to that time (seconds since 1970).
    """

    def __init__(self, subscription: Subscription, broker: BrokerProcess) -> None:
        """Nothing happens before ``start``."""
        self._broker = broker
        self.done: Counter[str] = Counter()
        self.dropped_before = 0.0
        self._subscription = subscription
        self._ledger = subscription.ledger
        self._client = pubsub_v1.SubscriberClient()
        self._settling = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def settle(self, settling: bool) -> None:
        """Begin no seek for a while, or go on."""
        self._settling = settling

    def stop(self) -> None:
        """Seek no more."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait until what is to come again has come."""
        self._thread.join(timeout_s)
        self._client.close()

    def _run(self) -> None:
        for number in itertools.count():
            if self._stopping.wait(random.uniform(*EVERY_S)):
                return
            if self._settling:
                continue
            try:
                self._to_time() if number % 2 else self._to_snapshot(f"{PROJECT}/snapshots/soak-{number}")
            except GaveUp as error:
                self._ledger.violate("a seek was refused for too long", str(error))

    def _to_snapshot(self, name: str) -> None:
        fields = {"name": name, "subscription": self._subscription.name}
        begun = time.monotonic()
        insist(lambda: self._client.create_snapshot(request=fields), INSIST_S, fine=(AlreadyExists,))
        made = time.monotonic()
        self._broker.passes("snapshot")
        self._stopping.wait(random.uniform(*EVERY_S))
        self._ledger.seek_begins()
        sought = time.monotonic()
        self._seek(snapshot=name)
        self._ledger.seek_ends(time.monotonic(), settled_before=begun)
        self.done["snapshot"] += 1
        self._expect_again(sought, lambda one: made < one.answered_at < sought)
        insist(lambda: self._client.delete_snapshot(snapshot=name), INSIST_S, fine=(NotFound,))

    def _to_time(self) -> None:
        target = time.time() - BACK_S
        self._ledger.seek_begins()
        sought = time.monotonic()
        self._seek(time=datetime.fromtimestamp(target, UTC))
        # What is dropped by it: publish times are the emulator's, by the same clock, but for rounding.
        self._ledger.seek_ends(time.monotonic(), dropped_before=target - 0.01)
        self.dropped_before = max(self.dropped_before, target)
        self.done["time"] += 1
        self._expect_again(sought, lambda one: one.started_at > target and one.answered_at < sought)

    def _seek(self, **target: object) -> None:
        request = {"subscription": self._subscription.name, **target}
        insist(lambda: self._client.seek(request=request), INSIST_S)
        self._broker.passes("seek")

    def _expect_again(self, sought: float, concerns: Callable[[Publication], bool]) -> None:
        """Wait until all that the seek brings back was delivered after it."""
        published = self._subscription.topic.published.sure()
        missing = {one.message_id for one in published.values() if concerns(one)}
        self.done["again"] += len(missing)
        give_up = time.monotonic() + COMES_S
        while missing := {id_ for id_ in missing if id_ is not None and not self._came_since(id_, sought)}:
            if time.monotonic() > give_up:
                self._ledger.violate("did not come again by a seek", f"{len(missing)}: {sorted(missing)[:10]}")
                return
            time.sleep(POLL_S)

    def _came_since(self, message_id: int, moment: float) -> bool:
        return self._ledger.last_delivered_at(message_id) > moment
