"""A consumer by unary pulls and acks."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError

from soaking.broker import BrokerProcess
from soaking.choice import Choice, Chooser
from soaking.clients import PAUSE_S, WitnessingSubscriber
from soaking.delivery import Delivery, message_of, stamp_of
from soaking.ledger import LEASED_S
from soaking.reception import Reception
from soaking.scene import Scene, Subscription

PULL_S = 2.0
HOLD_S = 3.0
IN_PULL = 200
LEAVE_S = 2

Held = list[tuple[str, Delivery]]


class Pulling:
    """Pulls, holds what came for as long as it likes, and acknowledges or refuses it, until it is stopped."""

    def __init__(self, scene: Scene, subscription: Subscription, broker: BrokerProcess) -> None:
        """Nothing happens before ``start``."""
        self._chooser = Chooser(leaves=True)
        self._subscription = subscription
        self._ledger = subscription.ledger
        self._reception = Reception(scene, subscription)
        self._broker = broker
        self._client = WitnessingSubscriber(self._witness)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pull-{subscription.id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def settle(self, settling: bool) -> None:
        """Acknowledge all that is not doomed, or no longer."""
        self._chooser.settling = settling

    def stop(self) -> None:
        """Finish what is held and end."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)
        self._client.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            asked_at, era = time.monotonic(), self._era()
            held = self._collect(era)
            if held:
                self._finish(held, asked_at, era)

    def _era(self) -> tuple[int, int]:
        """Changes when the emulator is killed, and when a seek begins or ends."""
        return self._broker.life, self._ledger.seeks

    def _collect(self, era: tuple[int, int]) -> Held:
        """Pull until as much is held as this subscription's consumer likes, or nothing came, or it took long."""
        held: Held = []
        give_up = time.monotonic() + HOLD_S
        while len(held) < self._subscription.held and time.monotonic() < give_up and not self._stopping.is_set():
            came = self._pull(era)
            if not came:
                break
            held += came
        return held

    def _pull(self, era: tuple[int, int]) -> Held:
        asked_at, calm_life = time.monotonic(), self._broker.calm_life()
        try:
            answer = self._client.pull(
                subscription=self._subscription.name,
                max_messages=min(IN_PULL, self._subscription.held),
                retry=None,
                timeout=PULL_S,
            )
        except (GoogleAPICallError, RetryError):
            self._stopping.wait(PAUSE_S)
            return []
        calm_life = calm_life if era == self._era() else None
        return [(one.ack_id, self._receive(one, asked_at, calm_life)) for one in answer.received_messages]

    def _receive(self, received: Any, asked_at: float, calm_life: int | None) -> Delivery:
        return self._reception.receive(received.message, received.ack_id, asked_at=asked_at, calm_life=calm_life)

    def _finish(self, held: Held, asked_at: float, era: tuple[int, int]) -> None:
        chosen: dict[Choice, Held] = {choice: [] for choice in Choice}
        for ack_id, delivery in held:
            chosen[self._chooser.choose(doomed=False)].append((ack_id, delivery))
        for _, delivery in chosen[Choice.REFUSE] + chosen[Choice.LEAVE]:
            self._ledger.refused(delivery.message_id)
        for _, delivery in chosen[Choice.ACK]:
            self._ledger.acked(delivery.message_id)
        self._end_leases(chosen[Choice.REFUSE], 0)
        self._end_leases(chosen[Choice.LEAVE], LEAVE_S)
        self._acknowledge(chosen[Choice.ACK], asked_at, era)

    def _end_leases(self, held: Held, seconds: int) -> None:
        if held:
            ack_ids = [ack_id for ack_id, _ in held]
            self._request(self._client.modify_ack_deadline, ack_ids=ack_ids, ack_deadline_seconds=seconds)

    def _acknowledge(self, held: Held, asked_at: float, era: tuple[int, int]) -> None:
        """Where delivery is not exactly once, an ack is sure if its lease and the emulator lived all the time."""
        is_calm = self._broker.calm_life() is not None
        if not held or not self._request(self._client.acknowledge, ack_ids=[ack_id for ack_id, _ in held]):
            return
        now = time.monotonic()
        is_sure = is_calm and era == self._era() and now - asked_at < LEASED_S
        self._broker.passes("ack")
        if is_sure and not self._ledger.exactly_once:
            for _, delivery in held:
                self._ledger.confirmed(delivery.message_id, delivery.stamp, now)

    def _request(self, call: Any, **fields: Any) -> bool:
        try:
            call(subscription=self._subscription.name, timeout=10.0, **fields)
        except (GoogleAPICallError, RetryError):
            self._ledger.acks["refused"] += 1
            return False
        except ValueError as error:
            self._ledger.violate("an answer that the client cannot read", str(error))
            return False
        return True

    def _witness(self, ack_ids: Sequence[str]) -> None:
        if self._ledger.exactly_once:
            now = time.monotonic()
            for ack_id in ack_ids:
                self._ledger.confirmed(message_of(ack_id), stamp_of(ack_id), now)
