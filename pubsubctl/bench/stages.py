"""Where the time of one job goes, from ``submit`` to its result being seen.

All of it is told by clocks of this machine: the client's own, those of the job's row (``started_at`` is when the
worker's claim was written, ``finished_at`` when its outcome was), and that of the process that ran the application.
"""

import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from pubsubctl.bench.runs import Run
from pubsubctl.faults import call_at
from pubsubctl.job import Job


@dataclass(frozen=True)
class Stages:
    """Seconds of each part of one job; together they are the whole.

    Attributes:
        row_written: until the job's row was committed.
        published: until the broker answered that it has the message, or a worker had it already.
        delivered: until the worker claimed it.
        begun: until the claim was committed and a process called the application.
        app: the application itself.
        recorded: until the answer was back in the worker's parent, which recorded it.
        seen: until that was committed, and the client saw it.
    """

    row_written: float
    published: float
    delivered: float
    begun: float
    app: float
    recorded: float
    seen: float


class Stopwatch:
    """The client's part of the times of one job after another."""

    def __init__(self) -> None:
        self._began_at = self._inserted_at = self._submitted_at = 0.0
        call_at("inserted", self._inserted)

    def begin(self) -> None:
        """A job is about to be submitted."""
        self._began_at = time.time()

    def submitted(self) -> None:
        """``submit`` has returned."""
        self._submitted_at = time.time()

    def stages(self, seen_at: float, job: Job, run: Run) -> Stages:
        """Where the time went.

        Args:
            seen_at: when the client saw that the job had ended.
            job: its row.
            run: when the application ran.
        """
        return between((self._began_at, self._inserted_at, self._submitted_at), job, run, seen_at)

    def _inserted(self) -> None:
        self._inserted_at = time.time()


def between(submitting: tuple[float, float, float], job: Job, run: Run, seen_at: float) -> Stages:
    """The stages between these times, each of which is at the earliest when the one before is. Pure.

    Args:
        submitting: when it began, when the row was committed, when it was done.
        job: the job's row.
        run: when the application ran.
        seen_at: when the client saw the end.
    """
    began_at, inserted_at, submitted_at = submitting
    assert job.started_at is not None
    assert job.finished_at is not None
    # The broker may have delivered before its answer to the publish was here: what has begun by then is published.
    published_at = min(submitted_at, job.started_at)
    times = [began_at, inserted_at, published_at, job.started_at, run.began_at, run.ended_at, job.finished_at, seen_at]
    rising = list(itertools.accumulate(times, max))
    return Stages(*(later - earlier for earlier, later in itertools.pairwise(rising)))


def typical(found: Sequence[Stages]) -> Stages:
    """The mean of each stage over those jobs that are neither among the fastest quarter nor the slowest.

    So together they are about the median of the whole, which medians of the stages would not be where load comes and
    goes.
    """
    jobs = sorted(map(astuple, found), key=sum)
    middle = jobs[len(jobs) // 4 : len(jobs) - len(jobs) // 4]
    return Stages(*map(statistics.fmean, zip(*middle, strict=True)))
