"""The life of jobs at the store's own calls, in bulk: what fills a store, and what its speed is measured with."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from pubsubctl.exchange import Request, Response
from pubsubctl.job import JobState, NewJob
from pubsubctl.names import new_batch_id, new_job_id
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Outcome
from pubsubctl.store.messages import Published

REQUEST = Request.of("POST", "/predict?model=small", [("content-type", "application/json")], b'{"text": "hello"}' * 4)
RESPONSE = Response(200, (("Content-Type", "application/json"), ("Content-Length", "64")), b'{"label": "world"}' * 4)
TOPIC = "projects/pubsubctl-local/topics/pubsubctl-requests"


class Timer:
    """Wall-clock and CPU seconds by step."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu = 0.0

    def __call__(self, step: str, act: Callable[[], object]) -> None:
        """Do it and add up what it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        self.cpu += time.process_time() - cpu
        self.wall[step] = self.wall.get(step, 0.0) + time.perf_counter() - wall


def batches(count: int, size: int) -> Iterator[list[NewJob]]:
    """``count`` new jobs of one batch in lists of ``size``."""
    batch_id = new_batch_id()
    for start in range(0, count, size):
        yield [NewJob(new_job_id(), REQUEST, TOPIC, batch_id) for _ in range(min(size, count - start))]


def claim_of(job: NewJob) -> Claim:
    """What a worker asks when the job's message comes."""
    return Claim(job.id, f"m-{job.id}", "worker-1", 60.0, 5, 10, 0.1, 604800.0, job.request, TOPIC, job.batch_id)


def lives(store: Store, count: int, size: int, timer: Timer) -> None:
    """Take ``count`` jobs through their whole lives, ``size`` a call."""
    for jobs in batches(count, size):
        messages = [Published(job.id, f"m-{job.id}") for job in jobs]
        claims = [claim_of(job) for job in jobs]
        outcomes = [Outcome(job.id, 1, JobState.SUCCEEDED, response=RESPONSE) for job in jobs]
        timer("add", partial(store.add, jobs))
        timer("published", partial(store.published, messages))
        timer("claim", partial(store.claim, claims))
        timer("record", partial(store.record, outcomes))
