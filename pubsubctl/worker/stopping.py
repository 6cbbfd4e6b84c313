"""When a worker ends by itself: nothing is left to do, enough is done, nothing has come for long enough."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pubsubctl.errors import PubsubctlError

_log = logging.getLogger("pubsubctl.worker")

_TICK_S = 0.1
_ASK_S = 1.0
"""How often the store is asked what is left, and how long nothing must have happened before."""
_LISTEN_S = 2.5
"""How long a stream must have been open: a broker needs a moment for its first messages, and no store may know them."""
_DEAF_S = 60.0
"""How long a stream is waited for while the broker answers: it may refuse one for good."""
_SOON_S = 60.0
"""Jobs that are due later are left to the next run."""
_EVER_S = 3660 * 86400.0


@dataclass(frozen=True)
class Limits:
    """What lets a worker end by itself; whichever holds first.

    Attributes:
        burst: no job is left that may run within a minute, here or elsewhere.
        max_jobs: so many attempts have ended; no more are begun.
        max_idle_s: no job has run for so long.
    """

    burst: bool = False
    max_jobs: int | None = None
    max_idle_s: float | None = None

    def words(self) -> Iterator[str]:
        """Each in a few words."""
        if self.burst:
            yield "when no job is left"
        if self.max_jobs is not None:
            yield f"after {self.max_jobs} attempt{'s' * (self.max_jobs != 1)}"
        if self.max_idle_s is not None:
            yield f"after {self.max_idle_s:g} s without a job"

    def __bool__(self) -> bool:
        return self.burst or self.max_jobs is not None or self.max_idle_s is not None


class Work(Protocol):
    """What a worker does, as far as its end depends on it."""

    def idle(self) -> bool:
        """Whether nothing is in hand, and there is room for more."""

    def answered(self) -> int:
        """How many claims have been answered and attempts have ended: a number that changes with every job."""

    def used_up(self) -> bool:
        """Whether every attempt that may be begun has ended."""

    def pending(self, within_s: float) -> int:
        """How many jobs have not finished and may run within that time, wherever they are."""

    def broker_answers(self) -> bool:
        """Whether the broker is there: what it has is not known otherwise."""

    def listens(self) -> bool:
        """Whether a stream from the broker is open."""


class StopConditions:
    """A thread that looks whether a limit is reached.

    Args:
        on_met: told why, once.
        clock: seconds that only rise.
    """

    def __init__(
        self, limits: Limits, work: Work, on_met: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._work = work
        self._on_met = on_met
        self._clock = clock
        self._answered = -1
        self._idle_since = math.inf
        self._deaf_at: float | None = None
        self._asked_at = -math.inf
        self._waits_for_broker = False
        self._there_since = math.inf
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stopping", daemon=True)

    def start(self) -> None:
        """Begin looking; time without a job counts from now."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """End."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closed.wait(_TICK_S):
            if (why := self.met()) is not None:
                self._on_met(why)
                return

    def met(self) -> str | None:
        """Why the worker is to end now; None as long as it is not."""
        limits, now = self._limits, self._clock()
        if limits.max_jobs is not None and self._work.used_up():
            return f"--max-jobs: {limits.max_jobs} done"
        idle_s = self._idle_s(now)
        if limits.max_idle_s is not None and idle_s >= limits.max_idle_s:
            return f"--max-idle-time: no job for {limits.max_idle_s:g} s"
        if limits.burst:
            listened_s = self._listened_s(now)
            if idle_s >= _ASK_S and now - self._asked_at >= _ASK_S:
                self._asked_at = now
                return self._burst_over(now, listened_s, idle_s)
        return None

    def _listened_s(self, now: float) -> float:
        """How long a stream has been open."""
        if self._deaf_at is None or not self._work.listens():
            self._deaf_at = now
        return now - self._deaf_at

    def _idle_s(self, now: float) -> float:
        """How long nothing has happened."""
        answered = self._work.answered()
        if answered != self._answered or not self._work.idle():
            self._answered, self._idle_since = answered, now
        return now - self._idle_since

    def _burst_over(self, now: float, listened_s: float, idle_s: float) -> str | None:
        try:
            if self._work.pending(_SOON_S) or not self._has_broker(now):
                return None
            if listened_s < _LISTEN_S and min(idle_s, now - self._there_since) < _DEAF_S:
                return None
            left = self._work.pending(_EVER_S)
        except PubsubctlError:
            return None  # the store is away, which others tell; it is asked again
        return f"--burst: no job is left{f' but {left} due in a minute or later' if left else ''}"

    def _has_broker(self, now: float) -> bool:
        there = self._work.broker_answers()
        self._there_since = min(self._there_since, now) if there else math.inf
        if not there and not self._waits_for_broker:
            _log.warning(
                "--burst: every job that the store knows is done; the broker, which may have more, is waited for"
            )
        self._waits_for_broker = not there
        return there
