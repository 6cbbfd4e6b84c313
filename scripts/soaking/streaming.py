"""A consumer by the subscriber client's streams."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler
from google.cloud.pubsub_v1.types import FlowControl

from soaking.broker import BrokerProcess
from soaking.choice import Choice, Chooser
from soaking.clients import PAUSE_S, WitnessingSubscriber
from soaking.delivery import message_of, stamp_of
from soaking.reception import Reception
from soaking.scene import Scene, Subscription

THREADS = 4
PATIENCE_RATE = 0.5
LEASE_S = 10
FLOW = FlowControl(max_messages=500, min_duration_per_lease_extension=LEASE_S, max_duration_per_lease_extension=LEASE_S)
"""Leases of a minute, as the client has them otherwise, would keep what a broken stream leaves for too long."""


class Streaming:
    """Subscribes, and anew whenever the stream has ended for good or has no patience left, until it is stopped."""

    def __init__(self, scene: Scene, subscription: Subscription, broker: BrokerProcess) -> None:
        """Nothing happens before ``start``."""
        self._broker = broker
        self._chooser = Chooser(leaves=False)
        self._subscription = subscription
        self._ledger = subscription.ledger
        self._reception = Reception(scene, subscription)
        self._client = WitnessingSubscriber(self._witness)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream-{subscription.id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def settle(self, settling: bool) -> None:
        """Acknowledge all that is not doomed, or no longer."""
        self._chooser.settling = settling

    def stop(self) -> None:
        """Finish what has come and end."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)
        self._client.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._broker.is_killed or self._broker.listening != self._broker.life:
                self._stopping.wait(PAUSE_S)
                continue
            life = self._broker.life
            streaming = self._client.subscribe(
                self._subscription.name,
                self._receive,
                flow_control=FLOW,
                scheduler=ThreadScheduler(ThreadPoolExecutor(THREADS)),
                await_callbacks_on_shutdown=True,
            )
            self._wait(streaming, life)

    def _wait(self, streaming: Any, life: int) -> None:
        """Until the stream ends, by us or by itself.

        After a kill the client takes up to 10 s to connect again, as it tries five times at once and then waits. It has
        that time every second time, and none while all is to settle.
        """
        is_patient = random.random() < PATIENCE_RATE
        while not self._stopping.wait(PAUSE_S) and not streaming.done():
            if self._broker.life != life and (self._chooser.settling or not is_patient):
                break
        streaming.cancel()
        try:
            streaming.result(timeout=30)
        except (GoogleAPICallError, CancelledError, TimeoutError):
            self._ledger.acks["streams ended"] += 1

    def _receive(self, message: Any) -> None:
        doomed = message.attributes.get("fate") == "doomed"
        delivery = self._reception.receive(message, message.ack_id)
        if self._chooser.choose(doomed=doomed) is Choice.ACK:
            self._ledger.acked(delivery.message_id)
            self._acknowledge(message)
        else:
            self._ledger.refused(delivery.message_id)
            message.nack()

    def _acknowledge(self, message: Any) -> None:
        if self._ledger.exactly_once:
            message.ack_with_response().add_done_callback(self._answered)
        else:
            message.ack()

    def _answered(self, future: Any) -> None:
        error = future.exception()
        if error is None:
            self._ledger.acks["successful to the client"] += 1
        elif isinstance(error, AcknowledgeError):
            self._ledger.acks[f"{error.error_code.name.lower().replace('_', ' ')} to the client"] += 1

    def _witness(self, ack_ids: Sequence[str]) -> None:
        if self._ledger.exactly_once:
            now = time.monotonic()
            for ack_id in ack_ids:
                self._ledger.confirmed(message_of(ack_id), stamp_of(ack_id), now)
