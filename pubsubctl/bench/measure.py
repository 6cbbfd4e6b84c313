"""The measurements. Every one counts its jobs, and fails rather than report a run that lost any."""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pubsubctl.client import SubmittedJob
from pubsubctl.errors import StoreError, WaitTimeout
from pubsubctl.exchange import Request
from pubsubctl.job import JobState
from pubsubctl.sandbox import Sandbox
from pubsubctl.submission import Submission
from pubsubctl.worker import application, wsgi

_LOOK_S = 2.0


@dataclass(frozen=True)
class Throughput:
    """Many jobs, submitted at once.

    Attributes:
        jobs: how many.
        submitted_s: seconds until all of them were submitted.
        ended_s: seconds from the first submit until the last result was stored.
        parent_us: microseconds of CPU of the worker's parent, a job.
    """

    jobs: int
    submitted_s: float
    ended_s: float
    parent_us: float

    @property
    def rate(self) -> float:
        """Jobs a second, from submit to stored result."""
        return self.jobs / self.ended_s


@dataclass(frozen=True)
class Latency:
    """One job after another, each from ``submit`` to ``wait`` having returned. In milliseconds."""

    jobs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Report:
    """Everything that was measured in one run.

    Attributes:
        bare_rate: calls a second of the application alone, through WSGI, in one process: what no job system beats
            on one core.
    """

    throughput: Throughput
    latency: Latency
    bare_rate: float


def throughput(sandbox: Sandbox, submission: Submission, *, jobs: int) -> Throughput:
    """Submit ``jobs`` of the same request and wait for all of them.

    Raises:
        StoreError: some did not succeed, or were lost.
        ApplicationError: the worker has ended meanwhile.
    """
    client, worker_pid = sandbox.client, sandbox.worker.pid
    cpu = cpu_seconds(worker_pid)
    began = time.perf_counter()
    submitted = list(client.submit_many(_repeated(submission, jobs)))
    submitted_s = time.perf_counter() - began
    succeeded = sum(1 for job in _ended(sandbox, submitted) if job.state is JobState.SUCCEEDED)
    ended_s = time.perf_counter() - began
    if succeeded != jobs:
        raise StoreError(f"{jobs - succeeded} of {jobs} jobs did not succeed; the run counts for nothing")
    return Throughput(jobs, submitted_s, ended_s, (cpu_seconds(worker_pid) - cpu) / jobs * 1e6)


def latency(sandbox: Sandbox, submission: Submission, *, jobs: int) -> Latency:
    """Submit and wait, one job after another.

    Raises:
        ApplicationError: the worker has ended meanwhile.
    """
    request = submission.request
    taken = []
    for _ in range(jobs):
        began = time.perf_counter()
        list(_ended(sandbox, [sandbox.client.submit(request.method, request.path)]))
        taken.append((time.perf_counter() - began) * 1e3)
    taken.sort()
    return Latency(jobs, *(taken[min(jobs - 1, jobs * percent // 100)] for percent in (50, 90, 99)))


def bare(app: str, request: Request, *, seconds: float = 1.0) -> float:
    """Calls a second of the application alone, through WSGI, in this process."""
    loaded = application.load(app)
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        wsgi.run(loaded, wsgi.environ_for(request, job_id="bench", attempt=1), max_bytes=1 << 20)
        calls += 1
    return calls / (time.perf_counter() - began)


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used so far, without its children's; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ended(sandbox: Sandbox, jobs: Iterable[SubmittedJob]) -> Iterator[SubmittedJob]:
    """Jobs as they end, as long as there is a worker to end them."""
    pending = {job.id: job for job in jobs}
    while pending:
        try:
            for job in sandbox.client.wait(pending.values(), _LOOK_S):
                yield pending.pop(job.id)
        except WaitTimeout:
            sandbox.check()


def _repeated(submission: Submission, times: int) -> Iterable[Submission]:
    return (submission for _ in range(times))
