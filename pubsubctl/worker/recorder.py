"""The one thread that writes claims and outcomes, in groups: whatever came while the last commit ran is the next.

Nothing waits on a timer, so a lone job is written at once and a flood of them in few commits. While the store is
away everything is kept and tried again; nobody is told of a write before it is durable.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from pubsubctl.errors import StoreUnreachable
from pubsubctl.faults import point
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome, Refusal, Refused
from pubsubctl.store.messages import Burial
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.writes import Answers, Group

_log = logging.getLogger("pubsubctl.worker")

_MOST_IN_A_GROUP = 1000
_REFUSED_PAUSE_S = 60.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 5.0


class Recorder:
    """Writes what it is given, and calls back from its own thread once it is durable.

    A callback must not block: every other write waits for it.

    Args:
        presence: where it is told whether the store is there, for whoever else needs it.

    Attributes:
        on_told: called when everybody was told of what a commit has written.
    """

    def __init__(self, store: Store, meters: Meters | None = None, *, presence: Presence | None = None) -> None:
        self._store = store
        self._meters = meters or Meters()
        self._presence = presence or Presence("the store is back")
        self.on_told: Callable[[], None] = lambda: None
        self._wake = threading.Condition()
        self._next = Group()
        self._gathering = 0
        self._closed = False
        self._available = True
        self._writing_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def available(self) -> bool:
        """Whether the store took the last write."""
        return self._available

    @property
    def writing_since(self) -> float | None:
        """When the write that is under way was begun, by ``time.monotonic``; None while there is none."""
        return self._writing_since

    def start(self) -> None:
        """Begin writing."""
        self._thread.start()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Have what is given inside in one commit: it is not begun before."""
        with self._wake:
            self._gathering += 1
        try:
            yield
        finally:
            with self._wake:
                self._gathering -= 1
                self._wake.notify()

    def claim(self, claims: Sequence[Claim], then: Callable[[list[Claimed | Refused]], None]) -> None:
        """Ask for jobs; ``then`` gets the answers, in order."""
        with self._wake:
            self._next.claims.append((claims, then))
            self._wake.notify()

    def record(self, outcomes: Iterable[tuple[Outcome, Callable[[bool], None]]]) -> None:
        """Write how attempts ended; whoever is to be told of each learns whether it was still the current one."""
        with self._wake:
            self._next.outcomes.extend(outcomes)
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
            if self._closed and not self._available:
                return

    def _take(self) -> Group | None:
        with self._wake:
            self._wake.wait_for(lambda: (self._next and not self._gathering) or self._closed)
            return self._next.split(_MOST_IN_A_GROUP) if self._next else None

    def _write_and_tell(self, group: Group) -> None:
        try:
            answers = self._write_until_done(group)
        except Exception as error:  # noqa: BLE001 - a StoreError, or a fault of ours: only what it is about may suffer
            self._refused(group, error)
        else:
            if answers is not None:
                group.tell(answers)
                self.on_told()

    def _refused(self, group: Group, error: Exception) -> None:
        """The store is there and refuses: find out what it refuses, so that the rest is not held up by it."""
        alone = list(group.singly())
        if len(alone) > 1:
            for each in alone:
                self._write_and_tell(each)
            return
        for plainer in group.plainer(error):
            try:
                answers = self._write_until_done(plainer)
            except Exception as again:  # noqa: BLE001 - as above
                _log.debug("the store refuses that too: %r", again)
            else:
                _log.error("the store refuses a write, and keeps less of it: %s", error)
                if answers is not None:
                    plainer.tell(answers)
                    self.on_told()
                return
        _log.error("the store refuses a write, which is dropped: %s", error)
        claimed = [self._claim_alone(claim) for claims, _ in group.claims for claim in claims]
        group.tell((claimed, [False] * len(group.outcomes)))
        self.on_told()

    def _claim_alone(self, claim: Claim) -> Claimed | Refused:
        """Ask for one of several jobs that were refused together; one that cannot be asked for is asked for later."""
        try:
            written = self._write_until_done(Group(claims=[([claim], lambda _: None)]))
        except Exception as error:  # noqa: BLE001 - as above
            _log.debug("the store refuses to give job %s: %r", claim.job_id, error)
            written = None
        return written[0][0] if written else Refused(claim.job_id, Refusal.HELD, _REFUSED_PAUSE_S)

    def _write_until_done(self, group: Group) -> Answers | None:
        """Write, again and again while the store is away; None if that is given up since we are closed."""
        pause, began = _FIRST_PAUSE_S, time.monotonic()
        asked = group
        while True:
            try:
                answers = self._write(asked)
            except StoreUnreachable as error:
                self._available = False
                self._presence.missed_by(
                    "recorder", f"the store is away, nothing new is begun until it is back: {error}"
                )
            else:
                self._available = True
                self._presence.found_by("recorder")
                return answers
            with self._wake:
                if self._wake.wait_for(lambda: self._closed, pause):
                    return None
            pause = min(pause * 2, _LAST_PAUSE_S)
            asked = group.again(time.monotonic() - began)

    def _write(self, group: Group) -> Answers:
        began = self._writing_since = time.monotonic()
        try:
            point("committing")
            answers = self._commit(group)
        finally:
            self._writing_since = None
        self._meters.commit_times.observe(time.monotonic() - began)
        self._meters.commit_sizes.observe(group.size)
        return answers

    def _commit(self, group: Group) -> Answers:
        with self._store.group(again=True):
            # Outcomes first: a claim of the same job in this group must see them.
            recorded = self._store.record([outcome for outcome, _ in group.outcomes]) if group.outcomes else []
            if group.releases:
                self._store.release([lease for lease, _ in group.releases])
            if group.burials:
                self._store.bury([burial for burial, _ in group.burials])
            asked = [claim for claims, _ in group.claims for claim in claims]
            claimed = self._store.claim(asked) if asked else []
        return claimed, recorded
