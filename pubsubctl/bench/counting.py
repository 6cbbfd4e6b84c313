"""Jobs are counted: a measurement that has a lost, failed or doubled job is none, and says which job that was."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pubsubctl.bench.budget import Budget
from pubsubctl.bench.runs import Run
from pubsubctl.errors import PubsubctlError, WaitTimeout
from pubsubctl.job import Job, JobState
from pubsubctl.sandbox import Sandbox
from pubsubctl.store.base import Store
from pubsubctl.submitted import SubmittedJob

_LOOK_S = 1.0
_NAMED = 3


def ended(
    sandbox: Sandbox, batch_id: str, jobs: Iterable[SubmittedJob], *, patience_s: float, budget: Budget
) -> Iterator[Job]:
    """Jobs as they end; all of them succeed.

    Args:
        sandbox: where they run.
        batch_id: what they were submitted as.
        jobs: all jobs of that batch.
        patience_s: they are lost when nothing has ended for so long.
        budget: the time that there is.

    Raises:
        PubsubctlError: one has failed, or some are lost.
        ApplicationError: the worker has ended meanwhile.
        WaitTimeout: the time is over.
    """
    pending = {job.id: job for job in jobs}
    total, moved_at = len(pending), time.monotonic()
    while pending:
        try:
            for each in sandbox.client.wait(pending.values(), _LOOK_S):
                job = pending.pop(each.id).refresh()
                moved_at = time.monotonic()
                if job.state is not JobState.SUCCEEDED:
                    raise PubsubctlError(_failed(sandbox.client.store, batch_id, job, total))
                yield each.refresh()
        except WaitTimeout:
            sandbox.check()
            if time.monotonic() - moved_at > patience_s:
                raise PubsubctlError(_lost(sandbox.client.store, list(pending), total, patience_s)) from None
        if pending:
            budget.check(f"{len(pending):,} of {total:,} jobs have not ended")


def check_once(jobs: Sequence[Job], runs: Sequence[Run]) -> None:
    """See that each job has run once.

    Raises:
        PubsubctlError: one has run twice, or succeeded without having run.
    """
    times = Counter(run.job_id for run in runs)
    wrong = [job.id for job in jobs if times[job.id] != 1]
    if wrong:
        how = "was run twice" if times[wrong[0]] > 1 else "has not run"
        raise PubsubctlError(
            f"{_some(len(wrong), len(jobs))} did not run exactly once: {_names(wrong)}; the first {how}"
        )


def _failed(store: Store, batch_id: str, first: Job, total: int) -> str:
    failed = store.find(states=[JobState.FAILED, JobState.CANCELLED], batch_id=batch_id, limit=1000).jobs
    ids = list(dict.fromkeys([first.id, *reversed([job.id for job in failed])]))
    return f"{_some(len(ids), total)} failed: {_names(ids)}; the first: {_why(store, first)}"


def _why(store: Store, job: Job) -> str:
    """The status or what else it ended with, and the last line that the application printed, an exception mostly."""
    how = job.error or str(job.reason or job.state)
    if job.http_status is not None and str(job.http_status) not in how:
        how = f"status {job.http_status}, {how}"
    logs = [event.log.strip() for event in store.history(job.id) if event.log]
    printed = logs[-1].splitlines()[-1] if logs and logs[-1] else ""
    return f"{how} ({printed})" if printed else how


def _lost(store: Store, ids: Sequence[str], total: int, patience_s: float) -> str:
    found = store.get(list(ids[:1000]))
    states = Counter(str(job.state) if job is not None else "gone" for job in found)
    told = ", ".join(f"{count:,} {state}" for state, count in states.items())
    return f"{_some(len(ids), total)} lost ({told}): {_names(ids)}; nothing has ended for {patience_s:.0f} s"


def _some(count: int, total: int) -> str:
    return f"{count:,} of {total:,} jobs"


def _names(ids: Sequence[str]) -> str:
    rest = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
