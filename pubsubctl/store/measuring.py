"""What ``Store.activity`` measures, and of which jobs. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pubsubctl.errors import StoreError
from pubsubctl.job import UNSEEN, JobState
from pubsubctl.store.answers import Activity

COUNTED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
TIMED = (JobState.SUCCEEDED, JobState.FAILED)
"""A job that is cancelled may have had no attempt, or one that ended long before."""
TIMES_KEPT = 500
SAMPLE = ("finished_at", "started_at", "attempt", "reason", "published_at", "created_at")
"""What a job's times are taken from, in this order."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time that ends now, cut into steps; each is without its beginning, and with its end."""

    begins_at: float
    step_s: float
    steps: int
    until: float

    @classmethod
    def of(cls, now: float, within_s: float, steps: int) -> "Window":
        """The last ``within_s`` seconds.

        Raises:
            StoreError: there is no such time, or no step.
        """
        if not (within_s > 0 and math.isfinite(within_s) and steps > 0):
            raise StoreError(f"{within_s} s in {steps} steps is no time to look at; give a positive number of each")
        return cls(now - within_s, within_s / steps, steps, now)

    def edges(self) -> list[tuple[float, float]]:
        """After what and until when each step is."""
        inner = [self.begins_at + number * self.step_s for number in range(1, self.steps)]
        return list(zip([self.begins_at, *inner], [*inner, self.until], strict=True))

    def activity(self, counts: Sequence[Sequence[int]], samples: Iterable[Sequence[Any]]) -> Activity:
        """The answer.

        Args:
            counts: for each of ``COUNTED`` the numbers of all steps.
            samples: the latest jobs to end in each of the states of ``TIMED``, as ``SAMPLE`` says.
        """
        latest = sorted(samples, key=lambda sample: float(sample[0]), reverse=True)[:TIMES_KEPT]
        succeeded, failed, cancelled = map(tuple, counts)
        queued, ran = _queue_times(latest), _run_times(latest)
        return Activity(self.begins_at, self.step_s, succeeded, failed, cancelled, queued, ran)


def _queue_times(samples: Sequence[Sequence[Any]]) -> tuple[float, ...]:
    return tuple(
        max(0.0, started_at - (published_at or created_at))
        for _, started_at, attempt, _, published_at, created_at in samples
        if started_at is not None and attempt == 1
    )


def _run_times(samples: Sequence[Sequence[Any]]) -> tuple[float, ...]:
    return tuple(
        max(0.0, finished_at - started_at)
        for finished_at, started_at, _, reason, _, _ in samples
        if started_at is not None and reason not in UNSEEN
    )
