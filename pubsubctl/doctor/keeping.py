"""Where jobs and large bodies are kept, and whether anybody works on what waits."""

import time
from collections.abc import Iterator

from pubsubctl.doctor.asking import skew
from pubsubctl.doctor.finding import Finding, note, ok, wrong
from pubsubctl.job import FINISHED, JobState
from pubsubctl.quantities import duration
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store

_OLD_S = duration("10m")
_LOOKED_AT = 1_000
"""Enough to see beyond those that are to run later."""
_NO_WORKER = "pubsubctl worker start APP"


def store(found: Store, settings: Settings) -> Iterator[Finding]:
    """What is in it, what it still asks for, and its clock."""
    counts = found.counts()
    unfinished = sum(number for state, number in counts.items() if state not in FINISHED)
    yield ok("store", f"{settings.store_name} has {sum(counts.values()):,} jobs, unfinished {unfinished:,}")
    for command in found.left_to_do():
        yield note("store", "it is not quick, or keeps what has expired, until somebody has run this once", command)
    before = time.time()
    told = found.now()
    yield skew("store's clock", "the store's", (before + time.time()) / 2 - told)


def payloads(settings: Settings, store_id: str) -> Iterator[Finding]:
    """Whether large bodies can be put into their place.

    Raises:
        InvalidSetting, PayloadsUnreachable: they cannot.
    """
    terms = settings.payload_terms(store_id)
    if terms is not None:
        place = terms.open()
        place.check()
        yield ok("payloads", f"{place.place} can be read and written")


def work(found: Store) -> Iterator[Finding]:
    """Whether anybody works, and what has been due for long."""
    workers = found.workers()
    for worker in workers:
        yield ok("worker", f"{worker.id} on {worker.host} (pid {worker.pid})")
    due_s = _longest_due(found)
    if due_s > _OLD_S:
        text = f"a job has been due for {due_s / 60:,.0f} minutes"
        if workers:
            text += ": the workers do not keep up, or pull from another subscription"
            yield wrong("backlog", text, "pubsubctl status")
        else:
            yield wrong("backlog", f"{text}, and no worker runs", _NO_WORKER)
    elif not workers:
        yield note("worker", "none runs", _NO_WORKER)


def _longest_due(found: Store) -> float:
    """For how many seconds the job has been due that has been so the longest, of the newest that are old enough."""
    waiting = (JobState.QUEUED, JobState.RETRYING)
    now = found.now()
    jobs = found.find(states=waiting, older_than_s=_OLD_S, limit=_LOOKED_AT).jobs
    return max((now - max(job.created_at, job.not_before or 0.0) for job in jobs), default=0.0)
