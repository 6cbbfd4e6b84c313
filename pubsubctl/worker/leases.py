"""Keeps the leases of all messages in hand, whatever stream they came by, and tells the broker what became of them.

One thread makes the calls: whatever was settled while the last one ran goes into the next. A few acks wait a moment for
more of them, as nobody waits for those. A broker that is away is asked again and again until it is back; who gives a
message to us a second time meanwhile finds out by the store.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from pubsubctl.worker.arrival import Arrival

_RENEWALS = 6
"""How often a lease is renewed within its time: some of these calls may fail."""
_LINGER_S = 0.01
"""How long a few acks wait for others: a call for each job costs worker and broker more than most jobs do."""
_FIRST_PAUSE_S, _LAST_PAUSE_S, _GROWTH = 0.1, 2.0, 1.5


class Calls(Protocol):
    """What the broker is told; see ``Leasing``, whose answer is what it must be told again."""

    def acknowledge(self, ack_ids: Sequence[str]) -> list[str]:
        """These are done for good."""

    def lease(self, ack_ids: Sequence[str], seconds: int) -> list[str]:
        """Lease these from now on."""


class _Outbox:
    """Ack ids that the broker is still to be told of, in order; those that failed wait for their time apart."""

    def __init__(self) -> None:
        self.fresh: list[str] = []
        self.late: list[str] = []

    def __len__(self) -> int:
        return len(self.fresh) + len(self.late)

    def take(self, most: int) -> list[str]:
        taken, self.fresh = self.fresh[:most], self.fresh[most:]
        return taken

    def retry(self) -> None:
        self.fresh[:0] = self.late
        self.late.clear()


class Leases:
    """Any thread may call it, and none waits for the broker but in ``close``.

    Args:
        lease_s: how long a lease lasts.
        most: how many ack ids one call takes.
        linger_s: how long a few acks wait for others.

    Attributes:
        urgent: how many acks do not wait for more of them, as the broker may send nothing before it has them.
        settled: how many messages were acked, given back or let go of so far.
    """

    def __init__(self, calls: Calls, lease_s: int, *, most: int = 1000, linger_s: float = _LINGER_S) -> None:
        self._calls = calls
        self._lease_s = lease_s
        self._every_s = lease_s / _RENEWALS
        self._most = most
        self._linger_s = linger_s
        lock = threading.RLock()
        self._wake, self._room = threading.Condition(lock), threading.Condition(lock)
        self._held: dict[str, Arrival] = {}
        self._of: Counter[object] = Counter()
        self._acks, self._nacks = _Outbox(), _Outbox()
        self._acked_at = 0.0
        self.urgent = 1
        self._pause_s = _FIRST_PAUSE_S
        self._retry_at = 0.0
        self._broken = False
        self._telling = 0
        self._renew_at = time.monotonic() + self._every_s
        self._closed = False
        self._given_up = False
        self._idle = False
        self.settled = 0
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    @property
    def count(self) -> int:
        """How many messages are in hand."""
        return len(self._held)

    def count_of(self, stream: object) -> int:
        """How many of these came by a stream."""
        return self._of[stream]

    @property
    def untold(self) -> int:
        """How many of those that are not in hand any more the broker has not been told of."""
        with self._wake:
            return len(self._acks) + len(self._nacks) + self._telling

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout_s: float) -> bool:
        """Tell the broker what it was not told yet, for so long at most; leases are renewed no more.

        Returns:
            Whether it took all of that.
        """
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        with self._wake:
            self._given_up = True
            self._wake.notify_all()
            return not (self._acks or self._nacks or self._thread.is_alive())

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Keep the leases of these, which have just begun."""
        with self._wake:
            for each in arrivals:
                self._forget(each.ack_id)
                self._held[each.ack_id] = each
                self._of[each.stream] += 1

    def wait_for_room(self, stream: object, most: int, needless: Callable[[], bool]) -> None:
        """Wait until fewer than ``most`` of a stream are in hand, or there is no use for that any more."""
        with self._room:
            self._room.wait_for(lambda: self._of[stream] < most or needless())

    def wait_no_more(self) -> None:
        """Have those that wait for room see whether they need it."""
        with self._room:
            self._room.notify_all()

    def ack(self, arrivals: Sequence[Arrival]) -> None:
        """These are done for good."""
        with self._wake:
            self._let_go(arrivals)
            if first := not self._acks.fresh:
                self._acked_at = time.monotonic()
            self._acks.fresh += [each.ack_id for each in arrivals]
            if first or len(self._acks.fresh) >= self.urgent:
                self._stir()

    def nack(self, arrivals: Sequence[Arrival]) -> None:
        """Give these back, in one call as far as that goes: so they come again in their order."""
        with self._wake:
            self._let_go(arrivals)
            self._nacks.fresh += [each.ack_id for each in arrivals]
            self._stir()

    def drop(self, arrival: Arrival) -> None:
        """Let its lease run out."""
        with self._wake:
            self._let_go([arrival])

    def _let_go(self, arrivals: Sequence[Arrival]) -> None:
        for each in arrivals:
            if self._held.get(each.ack_id) is each:
                self._forget(each.ack_id)
        self.settled += len(arrivals)
        self._room.notify_all()

    def _forget(self, ack_id: str) -> None:
        if (arrival := self._held.pop(ack_id, None)) is not None:
            self._of[arrival.stream] -= 1
            if not self._of[arrival.stream]:
                del self._of[arrival.stream]

    def _stir(self) -> None:
        if self._idle:
            self._idle = False
            self._wake.notify_all()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait_for_work():
            self._renew()  # first: an ack that comes late does less harm than a lease that lapses
            self._tell()

    def _wait_for_work(self) -> bool:
        """Wait for some; False once there is none left and will be none."""
        with self._wake:
            while not self._given_up:
                now = time.monotonic()
                if now >= self._retry_at:
                    self._broken = False
                    self._acks.retry()
                    self._nacks.retry()
                left = [] if self._closed else [self._renew_at - now]
                if (self._acks.fresh or self._nacks.fresh) and not self._broken:
                    left.append(0.0 if self._is_pressing() else self._acked_at + self._linger_s - now)
                elif self._acks or self._nacks:
                    left.append(self._retry_at - now)
                if not left:
                    return False
                if min(left) <= 0:
                    return True
                self._idle = True
                self._wake.wait(min(left))
                self._idle = False
            return False

    def _is_pressing(self) -> bool:
        """Whether what the broker is to be told of must not wait for more."""
        return bool(self._nacks.fresh) or self._closed or len(self._acks.fresh) >= self.urgent

    def _tell(self) -> None:
        with self._wake:
            if self._broken:
                return
            nacks, acks = self._nacks.take(self._most), self._acks.take(self._most)
            self._telling = len(nacks) + len(acks)
        left_nacks = self._calls.lease(nacks, 0) if nacks else []
        left_acks = self._calls.acknowledge(acks) if acks else []
        with self._wake:
            self._telling = 0
            if not (left_nacks or left_acks):
                self._pause_s = self._pause_s if self._acks.late or self._nacks.late else _FIRST_PAUSE_S
                return
            if not (self._acks.late or self._nacks.late):
                self._retry_at = time.monotonic() + self._pause_s
            self._nacks.late += left_nacks
            self._acks.late += left_acks
            # Where nothing was taken there is no broker; where some was, the others need not wait for the rest.
            self._broken = len(left_nacks) + len(left_acks) == len(nacks) + len(acks)
            self._pause_s = min(self._pause_s * _GROWTH, _LAST_PAUSE_S)

    def _renew(self) -> None:
        """Renew what is due, if it is time for that."""
        now = time.monotonic()
        with self._wake:
            if now < self._renew_at or self._closed:
                return
            due = [each for each in self._held.values() if now - each.leased_at >= self._every_s]
        renewed = True
        for start in range(0, len(due), self._most):
            part = due[start : start + self._most]
            began = time.monotonic()
            failed = set(self._calls.lease([each.ack_id for each in part], self._lease_s))
            for each in part:
                if each.ack_id not in failed:
                    each.leased_at = began
            renewed = renewed and not failed
            if len(failed) == len(part):
                break
        self._renew_at = now + self._every_s if renewed else time.monotonic() + min(self._every_s, _LAST_PAUSE_S) / 4
