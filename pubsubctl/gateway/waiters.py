"""Everybody who waits for a job, one thread that watches the store for all of them, and one that minds the time.

Who waits holds no thread where the server knows pauses (see ``pausing``). Where it does not, a few may block theirs.
"""

import logging
import math
import threading
import time
from contextlib import suppress
from typing import Self

from pubsubctl.errors import PubsubctlError
from pubsubctl.gateway.pausing import Pause
from pubsubctl.job import Job
from pubsubctl.store.base import Store, Watch
from pubsubctl.waiting import in_turn, rest_s

_NAMED_S = 1.0
_SLICE_S = 0.1
"""How late a wait may end that nothing has ended."""
_FOLLOW_S = 0.2
"""The shortest time between two looks at jobs whose progress is followed."""
_AWAY_S = 0.5
_FAREWELL_S = 5.0
_MOST_BLOCKED = 4
"""Waits that may block a thread of a server that knows no pauses."""

_log = logging.getLogger("pubsubctl.gateway")


class Wait:
    """Somebody who waits for the end of a job, or follows it. Belongs to one request; close it, or use ``with``.

    Attributes:
        job: it, as it was last seen: who only waits has it once it has ended.
        news: whether ``job`` has changed since this was set to False.
    """

    def __init__(self, waiters: "Waiters", job_id: str, *, follows: bool, blocking: bool) -> None:
        self.job_id = job_id
        self.follows = follows
        self.blocking = blocking
        self.job: Job | None = None
        self.news = False
        self.wake_at = math.inf
        self.pause = Pause()
        self._waiters = waiters

    def look(self) -> None:
        """See whether it has ended already: what happened before the wait began wakes nobody."""
        self._waiters.look_for(self)

    def until(self, wake_at: float) -> Pause:
        """A pause that ends by ``wake_at`` (by ``time.monotonic``), or once there is news."""
        return self._waiters.pause(self, wake_at)

    def close(self) -> None:
        """Wait no longer."""
        self._waiters.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Waiters:
    """Watches a store for those who wait; begins with the first of them.

    Args:
        store: where the jobs are.
        most: how many may wait at the same time.

    Attributes:
        closed: nobody waits any more.
    """

    def __init__(self, store: Store, *, most: int) -> None:
        self._store = store
        self._most = most
        self._changed = threading.Condition()
        self._waits: dict[int, Wait] = {}
        self.closed = False
        self._threads: list[threading.Thread] = []

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._waits)

    def enter(self, job_id: str, *, follows: bool = False, blocking: bool = False) -> Wait | None:
        """Begin to wait for a job, or to follow it; None where as many wait as may.

        Args:
            job_id: it.
            follows: whether all that happens to it is of interest, and not its end alone.
            blocking: whether the wait holds a thread of a server that knows no pauses; a few may.
        """
        wait = Wait(self, job_id, follows=follows, blocking=blocking)
        with self._changed:
            blocked = sum(each.blocking for each in self._waits.values()) if blocking else 0
            if self.closed or len(self._waits) >= self._most or blocked >= _MOST_BLOCKED:
                return None
            self._waits[id(wait)] = wait
            if not self._threads:
                calls = {"waiters": self._run, "waiters' clock": self._keep_time}
                self._threads = [threading.Thread(target=call, name=name, daemon=True) for name, call in calls.items()]
                for thread in self._threads:
                    thread.start()
            self._changed.notify_all()
        return wait

    def leave(self, wait: Wait) -> None:
        """See ``Wait.close``."""
        with self._changed:
            self._waits.pop(id(wait), None)

    def look_for(self, wait: Wait) -> None:
        """See ``Wait.look``. A store that is away is asked again by the thread."""
        with suppress(PubsubctlError):
            for job in self._store.ended([wait.job_id]):
                self._tell(wait, job)

    def pause(self, wait: Wait, wake_at: float) -> Pause:
        """See ``Wait.until``."""
        with self._changed:
            pause = wait.pause = Pause()
            wait.wake_at = wake_at
            over = wait.news or self.closed or wake_at <= time.monotonic()
        if over:
            pause.wake()
        return pause

    def close(self) -> None:
        """Let everybody go, and nobody in."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
            waits = list(self._waits.values())
        for wait in waits:
            wait.pause.wake()
        until = time.monotonic() + _FAREWELL_S  # a store that does not answer keeps nobody here
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # --- the threads --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._somebody_waits():
            try:
                named = {wait.job_id for wait in self._all()}
                with self._store.watch(list(named)) as watch:
                    self._look_out(watch, named)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait have nobody else
                if not isinstance(error, PubsubctlError):
                    _log.error("looking after those who wait has failed", exc_info=error)
                with self._changed:
                    self._changed.wait_for(lambda: self.closed, _AWAY_S)

    def _keep_time(self) -> None:
        """End waits that are over, whatever the store does meanwhile: it may not answer for long."""
        while self._somebody_waits():
            self._over(time.monotonic())
            with self._changed:
                self._changed.wait_for(lambda: self.closed, _SLICE_S)

    def _somebody_waits(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self.closed or bool(self._waits))
            return not self.closed

    def _look_out(self, watch: Watch, named: set[str]) -> None:
        """Look after those who wait, until nobody does, or until too many do whose jobs are not named to the watch.

        A watch that is trusted for long is one where each look costs money: it is to know what is waited for.
        """
        turn, looked_at, followed_at, began = 0, -math.inf, -math.inf, time.monotonic()
        news = to_follow = True
        while self._waits and not self.closed:
            now = time.monotonic()
            if watch.trusted_s > _NAMED_S and now - began > _NAMED_S and not self._jobs() <= named:
                return
            if news or now - looked_at >= watch.trusted_s:
                looked_at, turn, to_follow = now, turn + 1, True
                self._look(turn, watch)
            if to_follow and now - followed_at >= _FOLLOW_S:
                followed_at, to_follow = now, False
                self._follow()
            news = watch.wait(_SLICE_S)

    def _look(self, turn: int, watch: Watch) -> None:
        """Find out which jobs have ended."""
        waits = self._of(follows=False)
        if not waits:
            return
        began, asked = time.monotonic(), watch.narrowed(in_turn(waits, turn))
        ended = self._store.ended(asked) if asked else []
        for job in ended:
            for wait in waits[job.id]:
                self._tell(wait, job)
        time.sleep(min(_SLICE_S, rest_s(time.monotonic() - began, len(asked), len(ended))))

    def _follow(self) -> None:
        """Find out what is new of jobs that are followed."""
        waits = self._of(follows=True)
        if not waits:
            return
        for job_id, job in zip(waits, self._store.get(list(waits)), strict=True):
            for wait in waits[job_id]:
                if job != wait.job:
                    self._tell(wait, job)

    def _tell(self, wait: Wait, job: Job | None) -> None:
        with self._changed:
            wait.job, wait.news = job, True
            pause = wait.pause
        pause.wake()

    def _of(self, *, follows: bool) -> dict[str, list[Wait]]:
        """Those who follow, or who wait for what has not ended, by their jobs."""
        found: dict[str, list[Wait]] = {}
        for wait in self._all():
            if wait.follows is follows and (follows or wait.job is None):
                found.setdefault(wait.job_id, []).append(wait)
        return found

    def _jobs(self) -> set[str]:
        return {wait.job_id for wait in self._all() if wait.follows or wait.job is None}

    def _over(self, now: float) -> None:
        for wait in self._all():
            if wait.wake_at <= now:
                wait.pause.wake()

    def _all(self) -> list[Wait]:
        with self._changed:
            return list(self._waits.values())
