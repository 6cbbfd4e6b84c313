"""Keeps the leases of all messages in hand, whatever stream they came by, and tells the broker what became of them.

One thread makes the calls: whatever was settled while the last one ran goes into the next. Nothing waits on a timer,
and a broker that is away is asked again and again until it is back; who gives a message to us a second time meanwhile
finds out by the store.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from pubsubctl.worker.arrival import Arrival

_RENEWALS = 6
"""How often a lease is renewed within its time: some of these calls may fail."""
_FIRST_PAUSE_S, _LAST_PAUSE_S, _GROWTH = 0.1, 2.0, 1.5


class Calls(Protocol):
    """What the broker is told; see ``Leasing``, whose answer is what it must be told again."""

    def acknowledge(self, ack_ids: Sequence[str]) -> list[str]:
        """These are done for good."""

    def lease(self, ack_ids: Sequence[str], seconds: int) -> list[str]:
        """Lease these from now on."""


class Leases:
    """Any thread may call it, and none waits for the broker but in ``close``.

    Args:
        lease_s: how long a lease lasts.
        most: how many ack ids one call takes.
        clock: seconds that only rise.

    Attributes:
        settled: how many messages were acked, given back or let go of so far.
    """

    def __init__(
        self, calls: Calls, lease_s: int, *, most: int = 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._calls = calls
        self._lease_s = lease_s
        self._every_s = lease_s / _RENEWALS
        self._most = most
        self._clock = clock
        lock = threading.RLock()
        self._wake, self._room = threading.Condition(lock), threading.Condition(lock)
        self._held: dict[str, Arrival] = {}
        self._acks: list[str] = []
        self._nacks: list[str] = []
        self._renew_at = clock() + self._every_s
        self._closed = False
        self._given_up = threading.Event()
        self._idle = False
        self.settled = 0
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    @property
    def count(self) -> int:
        """How many messages are in hand."""
        return len(self._held)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Tell the broker what it was not told yet, for so long at most; leases are renewed no more."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._given_up.set()

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Keep the leases of these, which have just begun."""
        with self._wake:
            self._held |= {each.ack_id: each for each in arrivals}

    def wait_for_room(self, most: int, given_up: threading.Event) -> None:
        """Wait until fewer than ``most`` are in hand, or there is no use for that any more."""
        with self._room:
            while len(self._held) >= most and not given_up.is_set():
                self._room.wait(_LAST_PAUSE_S)

    def ack(self, arrivals: Sequence[Arrival]) -> None:
        """These are done for good."""
        with self._wake:
            self._let_go(arrivals)
            self._acks += [each.ack_id for each in arrivals]
            self._stir()

    def nack(self, arrivals: Sequence[Arrival]) -> None:
        """Give these back, in one call as far as that goes: so they come again in their order."""
        with self._wake:
            self._let_go(arrivals)
            self._nacks += [each.ack_id for each in arrivals]
            self._stir()

    def drop(self, arrival: Arrival) -> None:
        """Let its lease run out."""
        with self._wake:
            self._let_go([arrival])

    def _let_go(self, arrivals: Sequence[Arrival]) -> None:
        for each in arrivals:
            self._held.pop(each.ack_id, None)
        self.settled += len(arrivals)
        self._room.notify_all()

    def _stir(self) -> None:
        if self._idle:
            self._idle = False
            self._wake.notify_all()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while self._has_work() and not self._given_up.is_set():
            if self._tell() and self._renew():
                pause = _FIRST_PAUSE_S
            else:
                self._given_up.wait(pause)
                pause = min(pause * _GROWTH, _LAST_PAUSE_S)

    def _has_work(self) -> bool:
        """Wait for some; False once there is none left and will be none."""
        with self._wake:
            while not (self._acks or self._nacks):
                if self._closed:
                    return False
                left = self._renew_at - self._clock()
                if left <= 0:
                    break
                self._idle = True
                self._wake.wait(left)
                self._idle = False
            return True

    def _tell(self) -> bool:
        """Whether the broker took what was said last of these."""
        with self._wake:
            nacks, self._nacks = self._nacks[: self._most], self._nacks[self._most :]
            acks, self._acks = self._acks[: self._most], self._acks[self._most :]
        again_nacks = self._calls.lease(nacks, 0) if nacks else []
        again_acks = self._calls.acknowledge(acks) if acks else []
        if again_nacks or again_acks:
            with self._wake:
                self._nacks[:0] = again_nacks
                self._acks[:0] = again_acks
        return not (again_nacks or again_acks)

    def _renew(self) -> bool:
        """Renew what is due; whether the broker took it."""
        now = self._clock()
        if now < self._renew_at or self._closed:
            return True
        with self._wake:
            due = [each for each in self._held.values() if now - each.leased_at >= self._every_s]
        for start in range(0, len(due), self._most):
            part = due[start : start + self._most]
            began = self._clock()
            failed = set(self._calls.lease([each.ack_id for each in part], self._lease_s))
            for each in part:
                if each.ack_id not in failed:
                    each.leased_at = began
            if failed:
                return False
        self._renew_at = now + self._every_s
        return True
