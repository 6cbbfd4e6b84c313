"""What it costs to write, once there are very many jobs in the store: each call alone, and durable when it returns."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from lives import RESPONSE, batches, claim_of
from loads import Failure

from pubsubctl.job import JobState, NewJob
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claimed, Outcome

_CALLS, _JOBS = 11, 100
"""About as many jobs a call as a busy worker writes at once."""
_PURGES, _PURGED = 6, 100
"""As many as a worker purges at once."""

_Answer = TypeVar("_Answer")


def measure(store: Store, counts: dict[JobState, int]) -> dict[str, float]:
    """Seconds of a call, by what it does; ``counts`` becomes what the store has then.

    Raises:
        Failure: the store did not take what it was given.
    """
    lives = [_life(store, jobs) for jobs in batches(_CALLS * _JOBS, _JOBS)]
    counts[JobState.SUCCEEDED] += _CALLS * _JOBS
    found = {name: statistics.median(life[name] for life in lives) for name in lives[0]}
    found["purge"] = statistics.median(_timed(lambda: _purge(store), _PURGED.__eq__) for _ in range(_PURGES))
    counts[JobState.SUCCEEDED] -= _PURGES * _PURGED
    return found


def _life(store: Store, jobs: Sequence[NewJob]) -> dict[str, float]:
    claims = [claim_of(job) for job in jobs]
    outcomes = [Outcome(job.id, 1, JobState.SUCCEEDED, response=RESPONSE) for job in jobs]
    return {
        "add": _timed(lambda: store.add(jobs), lambda added: len(added) == len(jobs)),
        "claim": _timed(lambda: store.claim(claims), lambda told: all(isinstance(each, Claimed) for each in told)),
        "record": _timed(lambda: store.record(outcomes), all),
    }


def _purge(store: Store) -> int:
    return store.purge(older_than_s=0.0, states=[JobState.SUCCEEDED], limit=_PURGED).count


def _timed(write: Callable[[], _Answer], check: Callable[[_Answer], bool]) -> float:
    began = time.perf_counter()
    answer = write()
    took_s = time.perf_counter() - began
    if not check(answer):
        raise Failure(f"a store of very many jobs did not take a write: {str(answer)[:200]}")
    return took_s
