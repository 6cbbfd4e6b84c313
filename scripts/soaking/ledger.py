"""All that happens at one subscription, and what of it must never happen. Pure, but for a lock."""

import math
import threading
from collections import Counter
from dataclasses import dataclass

from soaking.delivery import Delivery, Stamp, Violation
from soaking.order import Order

LEASED_S = 8.0
"""The ack deadline, 10 s, less what a busy machine may take to tell."""

ANY = Stamp(2**63, 0)
"""Later than every delivery: where what was asked for afterwards is all that can be told."""


@dataclass(slots=True)
class Entry:
    """One message of the emulator: its latest delivery, and what we did with it."""

    last: Delivery
    seeks: int
    count: int = 1
    refused: bool = False
    acked: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """From when on a message must not come: deliveries later than ``stamp``, or asked for after ``at``."""

    stamp: Stamp
    at: float

    def excludes(self, delivery: Delivery) -> bool:
        """Whether that delivery was sent after the message was settled."""
        return delivery.stamp > self.stamp or (delivery.asked_at is not None and delivery.asked_at > self.at)


class Ledger:
    """See the module.

    Attributes:
        seeks: changes when a seek begins and when it ends; what was asked before and answered after proves nothing.
        violations: what must never happen and did.
        again: deliveries after a message's first, by reason.
        acks: acks confirmed, and those that the service said had failed.
    """

    def __init__(self, name: str, *, exactly_once: bool = False, ordered: bool = False) -> None:
        self.name = name
        self.exactly_once = exactly_once
        self.seeks = 0
        self.violations: list[Violation] = []
        self.again: Counter[str] = Counter()
        self.acks: Counter[str] = Counter()
        self.last_at = -math.inf
        self._lock = threading.RLock()
        self._entries: dict[int, Entry] = {}
        self._settled: dict[int, Settled] = {}
        self._sought: dict[int, Settled] | None = None
        self._by_own: dict[str, list[int]] = {}
        self._order = Order(self._is_acked) if ordered else None

    # What happens

    def delivered(self, delivery: Delivery) -> None:
        """A message arrived."""
        with self._lock:
            self._check(delivery)
            self.last_at = delivery.at
            entry = self._entries.get(delivery.message_id)
            if entry is None:
                self._entries[delivery.message_id] = Entry(delivery, self.seeks)
                self._by_own.setdefault(delivery.own, []).append(delivery.message_id)
            else:
                self._deliver_again(entry, delivery)

    def refused(self, message_id: int) -> None:
        """We refuse it, or let its lease end."""
        with self._lock:
            self._entries[message_id].refused = True

    def acked(self, message_id: int) -> None:
        """We are about to acknowledge it."""
        with self._lock:
            self._entries[message_id].acked = True

    def confirmed(self, message_id: int, stamp: Stamp, at: float) -> None:
        """The ack of a delivery is sure to have settled the message."""
        with self._lock:
            self.acks["confirmed"] += 1
            if self._sought is not None:  # the seek may be done already, and its answer on the way
                return
            if self.exactly_once and message_id in self._settled:
                before = self._settled[message_id].stamp
                self.violate("acknowledged twice", f"message {message_id}: deliveries {before} and {stamp}")
            self._settled[message_id] = Settled(stamp, at)

    def seek_begins(self) -> None:
        """What comes from now on may come by the seek."""
        with self._lock:
            self.seeks += 1
            self._sought, self._settled = self._settled, {}

    def seek_ends(self, at: float, *, settled_before: float = -math.inf, dropped_before: float = -math.inf) -> None:
        """A seek was answered.

        Args:
            at: when (monotonic clock).
            settled_before: messages whose acks were confirmed before stay settled (monotonic clock).
            dropped_before: what was published before is settled by the seek (seconds since 1970).
        """
        with self._lock:
            self.seeks += 1
            sought, self._sought = self._sought or {}, None
            self._settled = {id_: one for id_, one in sought.items() if one.at < settled_before}
            dropped = [id_ for id_, entry in self._entries.items() if entry.last.published_at < dropped_before]
            self._settled |= dict.fromkeys(dropped, Settled(ANY, at))

    def violate(self, rule: str, what: str) -> None:
        """Note something that must never happen."""
        with self._lock:
            self.violations.append(Violation(self.name, rule, what))

    # What is known

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_ordered(self) -> bool:
        """Whether the messages of a key have to come in order."""
        return self._order is not None

    @property
    def deliveries(self) -> int:
        """All of them."""
        with self._lock:
            return len(self._entries) + sum(self.again.values())

    def has(self, message_id: int) -> bool:
        """Whether the message ever arrived."""
        return message_id in self._entries

    def is_done(self, message_id: int) -> bool:
        """Whether it arrived and we acknowledged it; what we refuse or leave must come again."""
        entry = self._entries.get(message_id)
        return entry is not None and entry.acked

    def last_delivered_at(self, message_id: int) -> float:
        """When it came last, on the monotonic clock; long ago if it never did."""
        entry = self._entries.get(message_id)
        return entry.last.at if entry else -math.inf

    def copies(self, own: str) -> list[Delivery]:
        """The latest delivery of each message of the emulator that has this own id."""
        with self._lock:
            return [self._entries[id_].last for id_ in self._by_own.get(own, ())]

    def by_key(self) -> dict[str, list[str]]:
        """The own ids of each ordering key, in the order of the emulator's ids."""
        found: dict[str, list[str]] = {}
        with self._lock:
            for _, entry in sorted(self._entries.items()):
                found.setdefault(entry.last.key, []).append(entry.last.own)
        return found

    def owns(self) -> list[str]:
        """The own ids that ever arrived."""
        with self._lock:
            return list(self._by_own)

    def owns_done(self) -> set[str]:
        """The own ids of which all that arrived was acknowledged."""
        with self._lock:
            return {own for own, ids in self._by_own.items() if all(map(self.is_done, ids))}

    def published_twice(self) -> int:
        """Own ids that the emulator has under more than one id: an answer was lost and the client tried again."""
        with self._lock:
            return sum(len(ids) > 1 for ids in self._by_own.values())

    # Inside

    def _is_acked(self, message_id: int) -> bool:
        return self._entries[message_id].acked

    def _check(self, delivery: Delivery) -> None:
        settled = self._settled.get(delivery.message_id)
        if settled is not None and settled.excludes(delivery):
            self.violate("came again after it was settled", f"{delivery.own} {delivery}; {settled}")
        if self._order is not None:
            wrong = self._order.arrive(delivery.key, delivery.message_id)
            if wrong:
                self.violate("out of order", wrong)

    def _deliver_again(self, entry: Entry, delivery: Delivery) -> None:
        reason = self._reason(entry, delivery)
        self.again[reason] += 1
        if reason == "no reason":
            self.violate("came again while it was leased", f"{delivery.own} {entry.last} and {delivery}")
        entry.last = delivery
        entry.count += 1
        entry.seeks = self.seeks
        entry.refused = False

    def _reason(self, entry: Entry, delivery: Delivery) -> str:
        last = entry.last
        if entry.seeks != self.seeks:
            return "seek"
        if delivery.stamp.run != last.stamp.run:
            return "restart"
        if entry.refused:
            return "refused"
        if entry.acked:
            return "ack lost"
        return "no reason" if self._is_leased(last, delivery) else "fault"

    def _is_leased(self, last: Delivery, delivery: Delivery) -> bool:
        """Whether nothing can have ended the lease; a message of a key comes again with those before it."""
        if self._order is not None or last.calm_life is None or last.asked_at is None:
            return False
        return last.calm_life == delivery.calm_life and delivery.at - last.asked_at < LEASED_S
