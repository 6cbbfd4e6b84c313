"""The way from one subscription's deliveries to those who take them: pulls and streams, in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from array import array
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from pubsubctl.emulator.embedded.ackid import Misdirected
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.deliveries import Deliveries
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.group import Done
from pubsubctl.emulator.embedded.limits import seconds
from pubsubctl.emulator.embedded.loading import Loading
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.message import Message, pull_response
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.rules import Rules
from pubsubctl.emulator.embedded.status import Refusal, failed_precondition, internal, invalid
from pubsubctl.emulator.embedded.takers import Takers
from pubsubctl.emulator.embedded.topic import Topic

INVALID_ACK_ID = "PERMANENT_FAILURE_INVALID_ACK_ID"
TRANSIENT_FAILURE = "TRANSIENT_FAILURE_ACK_DROPPED"
MOST_UNTOLD = 10_000
"""Clients that are gone do not ask again; the oldest are forgotten."""

T = TypeVar("T")


class Surroundings(Protocol):
    """What a channel needs of its broker."""

    clock: Clock
    faults: Faults
    log: Log

    async def read(self, function: Callable[[], Any]) -> Any:
        """Call ``function``, which reads the log, in the thread for that."""

    def acknowledged(self, channel: Channel, ids: array[int]) -> None:
        """Write that these messages are settled."""

    def when_acknowledged(self, listener: Done) -> None:
        """Call ``listener`` when the acks so far are in the log, or could not be written."""

    def bury(self, channel: Channel, dead: list[Message]) -> None:
        """Publish dead letters, then settle the messages or revive them."""

    def subscription_name(self, uid: int) -> str | None:
        """The name of a subscription."""


class Channel:
    """One subscription: settings, deliveries, and who waits for messages.

    ``pump`` is called whenever something may have changed: it gives ready messages to waiting takers in turn, asks
    the log for more, and sets the one timer.
    """

    def __init__(
        self,
        uid: int,
        config: Any,
        topic: Topic,
        deliveries: Deliveries,
        around: Surroundings,
        *,
        origin: int = 0,
        active_at: int = 0,
    ) -> None:
        """Begin to deliver.

        Args:
            uid: its number.
            config: the Subscription message.
            topic: what it is subscribed to.
            deliveries: what is to be delivered.
            around: the broker.
            origin: the id of the first message that was published after it was made.
            active_at: when it was last in use, in seconds since 1970.
        """
        self.uid = uid
        self.config = config
        self.topic = topic
        self.deliveries = deliveries
        self.origin = origin
        self.active_at = self.noted_at = active_at
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._takers = Takers()
        self._loading = Loading(topic, around, loaded=self.pump, failed=self._unreadable)
        self._timer: asyncio.TimerHandle | None = None
        self._closed: Refusal | None = None
        self._is_held = False
        self._held_acks: list[list[str]] | None = None
        self._unconfirmed: set[str] = set()
        self._untold: dict[str, None] = {}

    @property
    def is_push(self) -> bool:
        """Whether messages are pushed rather than pulled."""
        return bool(self.config.push_config.push_endpoint)

    @property
    def retention_s(self) -> float:
        """For how many seconds messages that are not acknowledged are kept."""
        return seconds(self.config.message_retention_duration)

    @property
    def replayable_s(self) -> float:
        """For how many seconds acknowledged messages can be had again by a seek."""
        own = self.retention_s if self.config.retain_acked_messages else 0.0
        return max(own, self.topic.retention_s)

    @property
    def is_held(self) -> bool:
        """Whether other deliveries are about to take over."""
        return self._is_held

    def used_at(self, now_s: int) -> int:
        """When it was last in use, which it is while somebody waits for messages, in seconds since 1970."""
        if self._takers:
            self.active_at = now_s
        return self.active_at

    @property
    def name(self) -> str:
        """The resource name."""
        name: str = self.config.name
        return name

    # Giving messages away

    def join(self, stream: Outlet) -> None:
        """A stream has been opened, see ``Takers``."""
        self._takers.join(stream)

    def leave(self, stream: Outlet) -> None:
        """A stream has ended."""
        self._takers.leave(stream)

    async def take(self, outlet: Outlet, *, wait: bool = True) -> list[Message]:
        """Wait until there are messages for ``outlet`` and lease them to it; none when it was ``dismiss``-ed.

        Args:
            outlet: who takes.
            wait: for what will come too, not only for what is being loaded.

        Raises:
            Refusal: the subscription is gone, or its messages cannot be read.
        """
        if self._closed:
            raise self._closed
        if outlet.closed:
            return []
        self.active_at = self._around.clock.time_ns() // 1_000_000_000
        future = self._takers.add(outlet)
        self.pump()
        if not wait:
            self._loading.then(lambda: self.dismiss(outlet))
        try:
            return await self._delayed(outlet, await future)
        except asyncio.CancelledError:
            # The taker went away between being given messages and hearing of it: nobody ever had them.
            if future.done() and not future.cancelled() and not future.exception():
                self.unsend([message for message in future.result() if message.outlet is outlet])
            self._takers.withdraw(future)
            self.pump()
            raise

    async def _delayed(self, outlet: Outlet, batch: list[Message]) -> list[Message]:
        """What of ``batch`` is still leased to ``outlet`` when a fault has held it back."""
        if not self._around.faults.delay_s:
            return batch
        await asyncio.sleep(self._around.faults.delay_s)
        return [message for message in batch if message.outlet is outlet]

    def unsend(self, batch: list[Message]) -> None:
        """Take back a batch of which nobody has heard, for whoever waits."""
        self.deliveries.unsend(batch)
        self.pump()

    def dismiss(self, outlet: Outlet) -> None:
        """Give ``outlet`` nothing more, and let it wait no longer."""
        self._takers.dismiss(outlet)

    def response(self, batch: list[Message]) -> bytes:
        """A response that carries what of ``batch`` is still leased; to be called once, just before it is sent."""
        leased = [message for message in batch if message.ack_id]
        response = pull_response(leased, with_attempts=self.deliveries.rules.max_delivery_attempts > 0)
        self.sent(leased)
        return response

    def sent(self, batch: list[Message]) -> None:
        """A batch is on its way to whom it was given; what can go wrong with it may do so from now on."""
        if self._around.faults.active:
            self._loop.call_soon(self._disturb, [(message, message.ack_id) for message in batch])
        self.deliveries.sent(batch)

    def pump(self) -> None:
        """Give away what can be given, and see that this is called again in time."""
        if self._is_held:
            return
        now = self._around.clock.monotonic()
        self._takers.give(self.deliveries, now)
        self._arm(now)
        if not self._closed:
            self._loading.start(lambda: self.deliveries)

    # Acknowledging

    def ack(self, ack_ids: Iterable[str]) -> dict[str, str]:
        """Settle messages; the ids are on their way into the log when this returns.

        Returns:
            The ack ids that did nothing, where delivery is exactly once, each with what the service calls the failure.

        Raises:
            Refusal: INVALID_ARGUMENT: one is no ack id of this subscription.
        """
        if self._held_acks is not None:
            if self.deliveries.rules.exactly_once:
                return dict.fromkeys(ack_ids, TRANSIENT_FAILURE)
            self._held_acks.append(list(ack_ids))
            return {}
        failures: dict[str, str] = {}
        if self._around.faults.active:
            ack_ids = self._not_dropped(ack_ids, failures)
        failures |= self._stale(ack_ids)
        settled = self._directed(lambda: self.deliveries.ack(ack_ids, tail=self.topic.tail))
        if settled:
            self._around.acknowledged(self, settled)
        if self.deliveries.rules.exactly_once:
            self._await_confirmation(set(ack_ids) - failures.keys())
        self.pump()
        return failures

    def modify(self, ack_ids: Iterable[str], seconds: float) -> dict[str, str]:
        """Let leases end ``seconds`` from now, zero meaning that the messages are refused.

        Returns:
            As ``ack`` does.

        Raises:
            Refusal: INVALID_ARGUMENT: one is no ack id of this subscription.
        """
        if self._held_acks is not None:
            return dict.fromkeys(ack_ids, TRANSIENT_FAILURE) if self.deliveries.rules.exactly_once else {}
        failures = self._stale(ack_ids)
        now = self._around.clock.monotonic()
        self._bury(self._directed(lambda: self.deliveries.modify(ack_ids, seconds, now)))
        self.pump()
        return failures

    def expect_again(self, ack_ids: Iterable[str]) -> None:
        """Let these, which did what they were to do, count as good when they are sent again: nobody has said so yet."""
        # A lease that lives answers for itself.
        self._untold |= dict.fromkeys(self.deliveries.stale(list(ack_ids)))
        for oldest in list(itertools.islice(self._untold, max(0, len(self._untold) - MOST_UNTOLD))):
            del self._untold[oldest]

    def _await_confirmation(self, ack_ids: set[str]) -> None:
        """Remember the acks whose sender hears that they could not be written: when they are sent again they count."""

        def told(error: BaseException | None) -> None:
            if error is None:
                self._unconfirmed -= ack_ids
            else:
                self._unconfirmed |= ack_ids

        self._around.when_acknowledged(told)

    def _stale(self, ack_ids: Iterable[str]) -> dict[str, str]:
        if not self.deliveries.rules.exactly_once:
            return {}
        stale = self.deliveries.stale(ack_ids)
        failures = {one: INVALID_ACK_ID for one in stale if one not in self._unconfirmed and one not in self._untold}
        if self._untold:
            for ack_id in stale:
                self._untold.pop(ack_id, None)
        return failures

    def _not_dropped(self, ack_ids: Iterable[str], failures: dict[str, str]) -> list[str]:
        """Leave out the acks that a fault drops; where these are confirmed, they are not."""
        kept = list(ack_ids)
        dropped = {ack_id for ack_id in kept if self._around.faults.drops_ack()}
        if self.deliveries.rules.exactly_once:
            failures.update(dict.fromkeys(dropped, TRANSIENT_FAILURE))
        return [ack_id for ack_id in kept if ack_id not in dropped]

    def _disturb(self, batch: list[tuple[Message, str]]) -> None:
        """Refuse, or deliver a second time, what a fault picks of a batch that has just been sent."""
        faults = self._around.faults
        for message, ack_id in batch:
            if message.ack_id != ack_id:
                continue
            if faults.nacks():
                self.modify([ack_id], 0)
            elif not self.deliveries.rules.exactly_once and faults.duplicates():
                self.deliveries.free([message])
        self.pump()

    # Changing

    def reconfigure(self, config: Any) -> None:
        """Follow new settings."""
        becomes_push = bool(config.push_config.push_endpoint) and not self.is_push
        self.config = config
        self.deliveries.rules = Rules.of(config)
        if becomes_push:
            self._takers.refuse(failed_precondition(f"{self.name} has become a push subscription"))
        self.pump()

    def hold(self) -> None:
        """Give nothing away until ``replace`` or ``resume``."""
        self._is_held = True

    def hold_acks(self) -> None:
        """Only note what is acknowledged, too: it is to be what other deliveries make of it."""
        self._held_acks = []

    def replace(self, deliveries: Deliveries) -> None:
        """Deliver what ``deliveries`` has instead; what is out now was never delivered, and its acks mean nothing."""
        self.deliveries.abandon()
        self.deliveries = deliveries
        self._is_held, self._held_acks = False, None
        self._unconfirmed.clear()
        self._untold.clear()
        self.pump()

    def resume(self) -> None:
        """Go on as before ``hold``."""
        self._is_held = False
        held, self._held_acks = self._held_acks or [], None
        for ack_ids in held:
            with contextlib.suppress(Refusal):
                self.ack(ack_ids)
        self.pump()

    def check_attached(self) -> None:
        """Refuse what makes no sense without a topic.

        Raises:
            Refusal: FAILED_PRECONDITION: this subscription was detached.
        """
        if self.config.detached:
            raise failed_precondition("Subscription is detached.")

    def check_pullable(self) -> None:
        """Refuse to let anybody but the push endpoint have the messages.

        Raises:
            Refusal: FAILED_PRECONDITION: this is a push subscription.
        """
        if self.is_push:
            raise failed_precondition(f"{self.name} is a push subscription; its messages cannot be pulled")

    def close(self, refusal: Refusal) -> None:
        """Give nothing more away; who waits, or comes, is told ``refusal``."""
        self._closed = refusal
        self._takers.refuse(refusal)
        if self._timer:
            self._timer.cancel()
        self._loading.cancel()

    def tick(self) -> None:
        """Time has passed."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._closed:
            self._bury(self.deliveries.expire(self._around.clock.monotonic()))
            self.pump()

    # Inside

    def _directed(self, call: Callable[[], T]) -> T:
        """Name both subscriptions where an ack id is another's."""
        try:
            return call()
        except Misdirected as error:
            owner = self._around.subscription_name(error.subscription)
            if owner is None:
                raise invalid(f"Invalid ack id (ack_id={error.ack_id})") from error
            raise invalid(
                f"Subscription {self.name} received an invalid ack ID {error.ack_id}, meant for subscription: {owner}"
            ) from error

    def _bury(self, dead: list[Message]) -> None:
        if dead:
            self._around.bury(self, dead)

    def _arm(self, now: float) -> None:
        event = self.deliveries.next_event()
        if event is None or self._closed:
            return
        due = self._loop.time() + max(0.0, event - now)
        if self._timer:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self.tick)

    def _unreadable(self, error: sqlite3.Error) -> None:
        """Those who wait are told, and may try again."""
        self._takers.refuse(internal(f"The message log could not be read: {error}."))
