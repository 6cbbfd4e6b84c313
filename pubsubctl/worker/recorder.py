"""The one thread that writes claims and outcomes, in groups: whatever came while the last commit ran is the next.

Nothing waits on a timer, so a lone job is written at once and a flood of them in few commits. While the store is
away everything is kept and tried again; nobody is told of a write before it is durable.
"""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pubsubctl.errors import StoreError, StoreUnreachable
from pubsubctl.store.base import Burial, Claim, Claimed, Lease, Outcome, Refusal, Refused, Store

_log = logging.getLogger("pubsubctl.worker")

_MOST_IN_A_GROUP = 1000
_REFUSED_PAUSE_S = 60.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 5.0


@dataclass
class _Group:
    """What one commit will write, with whom to tell afterwards."""

    claims: list[tuple[Sequence[Claim], Callable[[list[Claimed | Refused]], None]]] = field(default_factory=list)
    outcomes: list[tuple[Outcome, Callable[[bool], None]]] = field(default_factory=list)
    releases: list[tuple[Lease, Callable[[], None]]] = field(default_factory=list)
    burials: list[tuple[Burial, Callable[[], None]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.claims or self.outcomes or self.releases or self.burials)

    def split(self, most: int) -> "_Group":
        """Take the first ``most`` of each kind out."""
        first = _Group(self.claims[:most], self.outcomes[:most], self.releases[:most], self.burials[:most])
        del self.claims[:most], self.outcomes[:most], self.releases[:most], self.burials[:most]
        return first

    def singly(self) -> "Iterator[_Group]":
        """The same writes, each in a group of its own."""
        for outcome in self.outcomes:
            yield _Group(outcomes=[outcome])
        for release in self.releases:
            yield _Group(releases=[release])
        for burial in self.burials:
            yield _Group(burials=[burial])
        for claims in self.claims:
            yield _Group(claims=[claims])


class Recorder:
    """Writes what it is given, and calls back from its own thread once it is durable.

    A callback must not block: every other write waits for it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake = threading.Condition()
        self._next = _Group()
        self._writing = False
        self._closed = False
        self._available = True
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def available(self) -> bool:
        """Whether the store took the last write."""
        return self._available

    def start(self) -> None:
        """Begin writing."""
        self._thread.start()

    def claim(self, claims: Sequence[Claim], then: Callable[[list[Claimed | Refused]], None]) -> None:
        """Ask for jobs; ``then`` gets the answers, in order."""
        with self._wake:
            self._next.claims.append((claims, then))
            self._wake.notify()

    def record(self, outcome: Outcome, then: Callable[[bool], None]) -> None:
        """Write how an attempt ended; ``then`` learns whether it was still the current one."""
        with self._wake:
            self._next.outcomes.append((outcome, then))
            self._wake.notify()

    def release(self, lease: Lease, then: Callable[[], None]) -> None:
        """Give back an attempt that was not made."""
        with self._wake:
            self._next.releases.append((lease, then))
            self._wake.notify()

    def bury(self, burial: Burial, then: Callable[[], None]) -> None:
        """Keep a message that is no job."""
        with self._wake:
            self._next.burials.append((burial, then))
            self._wake.notify()

    def close(self, timeout_s: float = 30.0) -> None:
        """Write what is left, unless the store is away or that takes too long, and end."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (group := self._take()) is not None:
            self._write_and_tell(group)
            with self._wake:
                self._writing = False
                self._wake.notify_all()

    def _write_and_tell(self, group: _Group) -> None:
        try:
            answers = self._write_until_done(group)
        except StoreError as error:
            self._refused(group, error)
        else:
            if answers is not None:
                _tell(group, *answers)

    def _refused(self, group: _Group, error: StoreError) -> None:
        """The store is there and refuses: find out what it refuses, so that the rest is not held up by it."""
        alone = list(group.singly())
        if len(alone) > 1:
            for each in alone:
                self._write_and_tell(each)
            return
        _log.error("the store refuses a write, which is dropped: %s", error)
        held = [
            [Refused(claim.job_id, Refusal.HELD, _REFUSED_PAUSE_S) for claim in claims] for claims, _ in group.claims
        ]
        _tell(group, list(itertools.chain.from_iterable(held)), [False] * len(group.outcomes))

    def _take(self) -> _Group | None:
        with self._wake:
            self._wake.wait_for(lambda: self._next or self._closed)
            if not self._next:
                return None
            self._writing = True
            return self._next.split(_MOST_IN_A_GROUP)

    def _write_until_done(self, group: _Group) -> tuple[list[Claimed | Refused], list[bool]] | None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                answers = self._write(group)
            except StoreUnreachable as error:
                if self._available:
                    _log.error("the store is away, nothing new is begun until it is back: %s", error)
                self._available = False
            else:
                if not self._available:
                    _log.warning("the store is back")
                self._available = True
                return answers
            with self._wake:
                if self._wake.wait_for(lambda: self._closed, pause):
                    return None
            pause = min(pause * 2, _LAST_PAUSE_S)

    def _write(self, group: _Group) -> tuple[list[Claimed | Refused], list[bool]]:
        with self._store.group():
            # Outcomes first: a claim of the same job in this group must see them.
            recorded = self._store.record([outcome for outcome, _ in group.outcomes]) if group.outcomes else []
            if group.releases:
                self._store.release([lease for lease, _ in group.releases])
            if group.burials:
                self._store.bury([burial for burial, _ in group.burials])
            asked = [claim for claims, _ in group.claims for claim in claims]
            claimed = self._store.claim(asked) if asked else []
        return claimed, recorded


def _tell(group: _Group, claimed: list[Claimed | Refused], recorded: list[bool]) -> None:
    for (_, then), answer in zip(group.outcomes, recorded, strict=True):
        then(answer)
    for _, written in (*group.releases, *group.burials):
        written()
    results = iter(claimed)
    for claims, answered in group.claims:
        answered(list(itertools.islice(results, len(claims))))
