"""The delivery state machine of one subscription: no I/O, no clock, no tasks.

Of the subscription's backlog a window is here; the rest stays in the topic's log. ``position`` parts the two: every
message of the topic with a lower id was loaded, and of those, ``_unsettled`` has the ones that nobody acknowledged.
A message that is here is ready, leased, delayed, or waiting for its body to be loaded again.
"""

from __future__ import annotations

import heapq
import itertools
import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pubsubctl.emulator.embedded.ackid import AckId, parse
from pubsubctl.emulator.embedded.backlog import Backlog
from pubsubctl.emulator.embedded.leases import Leases
from pubsubctl.emulator.embedded.message import Message, ordering_key
from pubsubctl.emulator.embedded.ordered import Ordered
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.ready import Ready, Unordered
from pubsubctl.emulator.embedded.rules import Rules


@dataclass(frozen=True)
class Window:
    """How much of a backlog may be in memory."""

    messages: int = 10_000
    size: int = 8 * 2**20
    leased_size: int = 32 * 2**20


class Deliveries:
    """See the module."""

    def __init__(
        self,
        rules: Rules,
        *,
        ack_ids: str,
        position: int,
        unsettled: Iterable[int] = (),
        settled: Iterable[int] = (),
        epoch: int = 0,
        accepts: Callable[[bytes], bool] | None = None,
        window: Window | None = None,
    ) -> None:
        """Start with nothing loaded.

        Args:
            rules: the settings.
            ack_ids: what every ack id given out begins with.
            position: the id of the first message that is neither in ``unsettled`` nor acknowledged.
            unsettled: ids below ``position`` that were not acknowledged.
            settled: ids at or above ``position`` that were.
            epoch: the first run of the broker whose ack ids count.
            accepts: tells by its body whether a message is for this subscription; all are, unless given.
            window: bounds of what is in memory.
        """
        self.rules = rules
        self.position = position
        self.leases = Leases()
        self._window = window or Window()
        self._ack_ids = ack_ids
        self._epoch = epoch
        self._accepts = accepts
        self._ready: Ready = Ordered() if rules.ordered else Unordered()
        self._unsettled = {id_: Message(id_, None) for id_ in unsettled}
        self._bodiless = deque(self._unsettled.values())
        self._settled_ahead = set(settled)
        self._delayed: list[tuple[float, int, Message]] = []
        self._delays = itertools.count()

    @property
    def ready_count(self) -> int:
        """How many messages wait in memory to be given away; some may wait for others of their key."""
        return len(self._ready)

    @property
    def unsettled_count(self) -> int:
        """How many messages are in memory in any state."""
        return len(self._unsettled)

    # Filling the window

    def offer(self, messages: list[tuple[int, bytes]], tail: int) -> None:
        """Take over what was published, unless older messages are still to be loaded or the window is full.

        Args:
            messages: ids and bodies, ids rising.
            tail: one more than the id of the topic's last message before these.
        """
        if self.position >= tail and not self._bodiless and not self._is_full():
            self.load(messages, messages[-1][0] + 1)

    def load(self, messages: list[tuple[int, bytes]], position: int) -> None:
        """Add messages from the log; everything below ``position`` has now been loaded."""
        accepts = self._accepts
        for id_, body in messages:
            if id_ < self.position or id_ in self._settled_ahead:
                self._settled_ahead.discard(id_)
                continue
            if accepts is not None and not accepts(body):
                continue
            message = Message(id_, body, ordering_key(body) if self.rules.ordered else "")
            self._unsettled[id_] = message
            self._make_ready(message)
        self.position = max(self.position, position)

    def wants(self) -> int:
        """How many messages more should be loaded; zero while at least half of the window is filled."""
        if len(self._ready) * 2 > self._window.messages or self._ready.size * 2 > self._window.size:
            return 0
        return self._window.messages - len(self._ready)

    def bodiless(self, limit: int) -> list[int]:
        """The ids of the first messages that wait for their bodies."""
        while self._bodiless and self._bodiless[0].done:
            self._bodiless.popleft()
        return sorted(message.id for message in itertools.islice(self._bodiless, limit))

    def load_bodies(self, bodies: dict[int, bytes | None]) -> None:
        """Make these messages ready; one without a body has left the log and is dropped."""
        kept: deque[Message] = deque()
        for message in self._bodiless:
            if message.id not in bodies:
                kept.append(message)
            elif not message.done:
                self._embody(message, bodies[message.id])
        self._bodiless = kept

    # Giving messages away

    def take(self, outlet: Outlet, share: int, now: float) -> list[Message]:
        """Lease to ``outlet`` what it has room for, at most ``share`` messages."""
        batch = self._ready.take(outlet.room(share))
        deadline = now + outlet.ack_deadline_s
        for message in batch:
            message.waiting = False
            message.attempts += 1
            message.ack_id = f"{self._ack_ids}{message.id}-{message.attempts}"
            message.outlet = outlet
            outlet.messages += 1
            outlet.size += message.size
            self.leases.add(message, deadline)
        return batch

    def sent(self, batch: list[Message]) -> None:
        """Drop the bodies of a batch that was written to its response, if too much is leased to keep them."""
        if self.leases.size > self._window.leased_size:
            for message in batch:
                message.body = None

    def unsend(self, batch: list[Message]) -> None:
        """Take back a batch that never left: no delivery has happened, the messages are free at once."""
        held = [message for message in batch if message.ack_id]
        for message in held:
            self._release(message)
            message.attempts -= 1
        self._return(held)

    def free(self, messages: Iterable[Message]) -> None:
        """Make leased messages, and those behind them, ready again; no delivery counts as failed."""
        for message in messages:
            if message.ack_id:
                self._release_behind(message)
                self._release(message)
                self._return([message])

    # Acknowledging

    def ack(self, ack_ids: Iterable[str], *, tail: float = math.inf) -> array[int]:
        """Settle messages and return the ids of those that were not settled before.

        A late ack, of a lease that has ended, settles the message unless it is leased again; where delivery is exactly
        once it does nothing.

        Args:
            ack_ids: what was acknowledged.
            tail: one more than the id of the topic's last message; from there on nothing can have been delivered.

        Raises:
            Refusal: INVALID_ARGUMENT: one is no ack id of this subscription; none is settled.
        """
        settled = array("Q")
        for ack_id, message in self._resolve(ack_ids):
            if isinstance(message, AckId):
                self._hear_late(ack_id, message.message_id)
                if message.message_id < tail and not self.rules.exactly_once:
                    self._ack_late(message, settled)
            elif message is not None and message.ack_id == ack_id:
                message.outlet.answer()
                self._release(message)
                self._settle(message)
                settled.append(message.id)
        return settled

    def stale(self, ack_ids: Iterable[str]) -> list[str]:
        """Those of ``ack_ids`` that lease nothing."""
        get = self.leases.get
        return [ack_id for ack_id in ack_ids if get(ack_id) is None]

    def modify(self, ack_ids: Iterable[str], seconds: float, now: float) -> list[Message]:
        """Let leases end ``seconds`` from now; zero refuses the message. Ended leases are left as they are.

        Returns:
            Messages that were delivered as often as they may be: publish their dead letters, then ``settle_dead``
            or ``revive`` them.

        Raises:
            Refusal: INVALID_ARGUMENT: one is no ack id of this subscription; none is changed.
        """
        refused = []
        for ack_id, message in self._resolve(ack_ids):
            if isinstance(message, AckId):
                self._hear_late(ack_id, message.message_id)
            elif message is None:
                continue
            elif seconds > 0:
                message.outlet.answer()
                self.leases.renew(message, now + seconds)
            elif message.ack_id:
                message.outlet.answer()
                self._release(message)
                refused.append(message)
        return self._fail(refused, now)

    def expire(self, now: float) -> list[Message]:
        """End the leases and the delays whose time is over; returns what ``modify`` does."""
        while self._delayed and self._delayed[0][0] <= now:
            message = heapq.heappop(self._delayed)[2]
            if not message.done:
                self._return([message])
        ended = self.leases.take_expired(now)
        for message in ended:
            message.outlet.lapse(now)
            message.lapsed = f"{self._ack_ids}{message.id}-{message.attempts}", message.outlet
            self._leave_outlet(message)
        return self._fail(ended, now)

    def next_event(self) -> float | None:
        """When ``expire`` has something to do, unless something else happens first."""
        end = self.leases.next_end()
        delay = self._delayed[0][0] if self._delayed else None
        return end if delay is None else delay if end is None else min(end, delay)

    def settle_dead(self, messages: list[Message]) -> None:
        """The dead letters of these messages were published."""
        for message in messages:
            self._settle(message)

    def revive(self, messages: list[Message], now: float) -> None:
        """The dead letters of these messages could not be published: they are delivered on."""
        for message in messages:
            if not message.done:
                self._retry(message, now)

    # Changing the backlog

    def drop_below(self, position: int) -> bool:
        """Settle every message with an id below ``position``, leased or not; whether that changed anything."""
        old = [message for id_, message in self._unsettled.items() if id_ < position]
        for message in old:
            if message.ack_id:
                self._release(message)
            self._settle(message)
        moved = position > self.position
        if moved:
            self.position = position
            self._settled_ahead = {id_ for id_ in self._settled_ahead if id_ >= position}
        return moved or bool(old)

    def abandon(self) -> None:
        """End all leases, as other deliveries take over."""
        for message in self.leases.messages():
            self._release(message)

    # What is kept over a restart

    def backlog(self) -> Backlog:
        """What nobody has acknowledged."""
        return Backlog(self.position, array("Q", self._unsettled), array("Q", self._settled_ahead))

    # Inside

    def _is_full(self) -> bool:
        return len(self._ready) >= self._window.messages or self._ready.size >= self._window.size

    def _make_ready(self, message: Message) -> None:
        message.waiting = True
        self._ready.put(message)

    def _embody(self, message: Message, body: bytes | None) -> None:
        if body is None:
            self._settle(message)
            return
        message.body = body
        message.size = len(body)
        if message.attempts:
            self._return([message])
        elif self._accepts is not None and not self._accepts(body):
            self._settle(message)
        else:
            message.key = ordering_key(body) if self.rules.ordered else ""
            self._make_ready(message)

    def _resolve(self, ack_ids: Iterable[str]) -> list[tuple[str, Message | AckId | None]]:
        """Each ack id with the message it leases now, or else what it says about itself, if that counts here."""
        get = self.leases.get
        return [(ack_id, get(ack_id) or self._parsed(ack_id)) for ack_id in ack_ids]

    def _parsed(self, ack_id: str) -> AckId | None:
        parsed = parse(ack_id, self._ack_ids)
        return parsed if parsed is not None and parsed.run >= self._epoch else None

    def _release(self, message: Message) -> None:
        self.leases.remove(message)
        self._leave_outlet(message)

    def _leave_outlet(self, message: Message) -> None:
        outlet: Outlet = message.outlet
        outlet.messages -= 1
        outlet.size -= message.size
        message.outlet = None

    def _settle(self, message: Message) -> None:
        if message.done:
            return
        message.done = True
        del self._unsettled[message.id]
        if message.waiting:
            self._ready.forget(message)
        else:
            self._ready.settled(message)

    def _hear_late(self, ack_id: str, message_id: int) -> None:
        """Somebody is there, though the lease has ended; of a message that is settled by now, this is not known."""
        message = self._unsettled.get(message_id)
        if message is not None and message.lapsed is not None and message.lapsed[0] == ack_id:
            message.lapsed[1].answer()

    def _ack_late(self, ack_id: AckId, settled: array[int]) -> None:
        message = self._unsettled.get(ack_id.message_id)
        if message is not None:
            if not message.ack_id:
                self._settle(message)
                settled.append(message.id)
        elif ack_id.message_id >= self.position and ack_id.message_id not in self._settled_ahead:
            self._settled_ahead.add(ack_id.message_id)
            settled.append(ack_id.message_id)

    def _fail(self, messages: list[Message], now: float) -> list[Message]:
        """Delay or return messages whose deliveries failed, and return those behind them; the dead are the answer."""
        dead: list[Message] = []
        for message in messages:
            self._release_behind(message)
            if 0 < self.rules.max_delivery_attempts <= message.attempts:
                dead.append(message)
            else:
                self._retry(message, now)
        return dead

    def _release_behind(self, message: Message) -> None:
        """Make ready again what follows ``message`` in its key and is leased."""
        behind = [other for other in self._ready.held_behind(message) if other.ack_id]
        for other in behind:
            self._release(other)
        self._return(behind)

    def _retry(self, message: Message, now: float) -> None:
        """Make a message whose delivery failed ready again, after its back-off."""
        backoff_s = self.rules.backoff_s(message.attempts)
        if backoff_s > 0:
            heapq.heappush(self._delayed, (now + backoff_s, next(self._delays), message))
        else:
            self._return([message])

    def _return(self, messages: list[Message]) -> None:
        """Make messages ready again, once their bodies are here."""
        here = [message for message in messages if message.body is not None]
        self._bodiless.extend(message for message in messages if message.body is None)
        for message in here:
            message.waiting = True
        self._ready.put_back(here)
