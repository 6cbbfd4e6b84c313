"""How many jobs a measurement takes, where nobody says: as many as tell something, in a bounded time.

Pure, but for the clock that it is given.

``--max-time`` is for everything between the first call of the application and the last job. A fast application gets
the most jobs that are ever chosen, in a few seconds; a slow one as many as fit, and at least one for each slot.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pubsubctl.errors import WaitTimeout

MOST_JOBS = 10_000
MOST_SINGLES = 200
USUAL_MAX_TIME_S = 60.0

_MOST_AT_WARMING = 1000
_ENOUGH_S = 0.5
_GROWTH = 4
_LONGEST_ALONE_S, _LONGEST_JOBS_S, _LONGEST_SINGLES_S = 1.0, 10.0, 5.0
_FEWEST_SINGLES = 3
_ROUNDS = 4
"""How often the shortest measurement lets the application run: to warm up, in all slots, alone; and some to spare."""


@dataclass(frozen=True)
class Asked:
    """What the options say; None leaves it to us."""

    jobs: int | None = None
    singles: int | None = None
    max_time_s: float | None = None

    @property
    def most_messages(self) -> int:
        """How many jobs are published at most, all in all."""
        jobs = self.jobs or MOST_JOBS
        return most_to_warm_up(jobs) + jobs + (self.singles or MOST_SINGLES)


class Budget:
    """The time that there is, from now on.

    Args:
        asked: what the options say.
        slots: how many jobs run at once.
        clock: seconds that only rise.
    """

    def __init__(self, asked: Asked, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._asked = asked
        self._slots = slots
        self._clock = clock
        self._began = clock()
        self._total_s = asked.max_time_s or USUAL_MAX_TIME_S

    @property
    def is_bound(self) -> bool:
        """Whether it ends the measurement: where jobs are named, only a time that is named too does."""
        return self._asked.max_time_s is not None or self._asked.jobs is None

    def left_s(self) -> float:
        """Seconds that are left of it."""
        return self._total_s - (self._clock() - self._began)

    def check(self, what: str) -> None:
        """Give up where it is at an end.

        Raises:
            WaitTimeout: it is.
        """
        if self.is_bound and self.left_s() <= 0:
            raise WaitTimeout(f"{self._total_s:g} s are over, and {what}; allow more with --max-time")

    @property
    def alone_s(self) -> float:
        """How long to call the application by itself."""
        return min(_LONGEST_ALONE_S, self._total_s / 10)

    def check_call(self, call_s: float) -> None:
        """See that there is time for an application that takes so long.

        Raises:
            WaitTimeout: there is not.
        """
        if self.is_bound and call_s * _ROUNDS > self.left_s():
            raise WaitTimeout(
                f"a call of the app takes {call_s:.1f} s, so {self._total_s:g} s are not enough to measure it; "
                f"allow more with --max-time, such as {call_s * _ROUNDS * 3 // 60 + 1:.0f}m"
            )

    def to_warm_up(self) -> Iterator[int]:
        """How many jobs to begin with, a few at first and then more, until that takes long enough to tell a rate."""
        most, jobs, done = min(self._asked.jobs or MOST_JOBS, _MOST_AT_WARMING), self._slots, 0
        while done < most:
            jobs = min(jobs, most - done)
            began = self._clock()
            yield jobs
            done += jobs
            if self._clock() - began >= _ENOUGH_S:
                return
            jobs *= _GROWTH

    def jobs(self, rate: float) -> int:
        """How many jobs tell the throughput, where so many a second ended so far: whole rounds of the slots."""
        if self._asked.jobs is not None:
            return self._asked.jobs
        fit = int(rate * min(_LONGEST_JOBS_S, self.left_s() * 0.4))
        return min(MOST_JOBS, max(1, fit // self._slots) * self._slots)

    def singles(self) -> "Singles":
        """How many jobs to run one after another."""
        if self._asked.singles is not None:
            return Singles(self._asked.singles, self._asked.singles, 0.0, self._clock)
        span_s = min(_LONGEST_SINGLES_S, self.left_s() * 0.25)
        return Singles(_FEWEST_SINGLES if self.left_s() > span_s * _ROUNDS else 1, MOST_SINGLES, span_s, self._clock)


class Singles:
    """Jobs one after another: at least ``fewest``, then until ``span_s`` are over or there are ``most``."""

    def __init__(self, fewest: int, most: int, span_s: float, clock: Callable[[], float]) -> None:
        self._fewest = fewest
        self._most = most
        self._span_s = span_s
        self._clock = clock

    def __iter__(self) -> Iterator[int]:
        began = self._clock()
        for number in range(self._most):
            if number >= self._fewest and self._clock() - began >= self._span_s:
                return
            yield number


def most_to_warm_up(jobs: int) -> int:
    """How many jobs ``to_warm_up`` takes at most."""
    return min(jobs, _MOST_AT_WARMING)
