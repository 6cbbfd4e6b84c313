"""How long jobs take, from those that were seen to end: when to ask again for one that has not."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable

from pubsubctl.errors import PubsubctlError
from pubsubctl.job import Job, JobState
from pubsubctl.store.base import Store

_MOST_KINDS = 1000
_WEIGHT = 0.2
"""Of the newest job in the mean of its kind."""
_FIRST_JOBS = 200
_LEAST_S, _MOST_S = 1.0, 60.0
_SHARE = 0.25
"""Of the time that it has taken already, where nobody knows how much more it takes."""
_ENOUGH = 0.02
"""The progress from which on one may reckon."""


class Expectation:
    """What jobs of a method and path take from their submit to their end. Any thread may use it.

    Args:
        store: its latest jobs are where it begins.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._means: OrderedDict[str, float] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._begun = False
        self._lock = threading.Lock()

    def learn(self, jobs: Iterable[Job]) -> None:
        """Take in jobs; those that have ended well, and were not seen before, count."""
        with self._lock:
            for job in jobs:
                if job.state is JobState.SUCCEEDED and job.finished_at is not None and job.id not in self._seen:
                    self._seen[job.id] = None
                    self._count(_kind(job.method, job.path), job.finished_at - max(job.created_at, job.not_before or 0))
            while len(self._seen) > _MOST_KINDS:
                self._seen.popitem(last=False)

    def again_s(self, job: Job, now: float | None = None) -> float:
        """After how many seconds it is worth asking for a job that has not ended.

        Args:
            job: it.
            now: the time, as the store has it.
        """
        now = time.time() if now is None else now
        passed = max(0.0, now - job.created_at)
        if job.not_before is not None and job.not_before > now:
            left = job.not_before - now + self._mean(job.method, job.path, 0.0)
        elif (part := _of_progress(job, now)) is not None:
            left = part
        else:
            left = self._mean(job.method, job.path, passed) - passed
        return min(max(left, _LEAST_S, 0.0 if left > 0 else passed * _SHARE), _MOST_S)

    def first_s(self, method: str, path: str) -> float:
        """After how many seconds it is worth asking for one that was just submitted."""
        return min(max(self._mean(method, path, 0.0), _LEAST_S), _MOST_S)

    def _mean(self, method: str, path: str, otherwise: float) -> float:
        with self._lock:
            first, self._begun = not self._begun, True
        if first:
            try:
                self.learn(reversed(self._store.find(states=[JobState.SUCCEEDED], limit=_FIRST_JOBS).jobs))
            except PubsubctlError:
                self._begun = False
        with self._lock:
            return self._means.get(_kind(method, path), otherwise)

    def _count(self, kind: str, took_s: float) -> None:
        mean = self._means.pop(kind, took_s)
        self._means[kind] = mean + _WEIGHT * (took_s - mean)
        if len(self._means) > _MOST_KINDS:
            self._means.popitem(last=False)


def _kind(method: str, path: str) -> str:
    return f"{method} {path.partition('?')[0]}"


def _of_progress(job: Job, now: float) -> float | None:
    """What is left of it, by the progress that it reports."""
    if job.state is not JobState.RUNNING or job.started_at is None or (job.progress_fraction or 0) < _ENOUGH:
        return None
    fraction = job.progress_fraction or 1.0
    return max(0.0, (now - job.started_at) / fraction * (1 - fraction))
