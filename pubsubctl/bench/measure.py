"""The measurements: many jobs at once, and one after another."""

import os
import time
from collections.abc import Sequence

from pubsubctl.bench import usage
from pubsubctl.bench.budget import Budget, Singles
from pubsubctl.bench.counting import check_once, ended
from pubsubctl.bench.report import Cpu, Latency, Throughput
from pubsubctl.bench.runs import Run, Runs
from pubsubctl.bench.stages import Stages, Stopwatch, typical
from pubsubctl.job import Job
from pubsubctl.sandbox import Sandbox
from pubsubctl.submission import Submission


class Measurement:
    """Measures one request in one sandbox.

    Args:
        sandbox: whose worker runs ``watched``.
        submission: the request.
        runs: what that notes.
        patience_s: how long nothing may end before jobs are lost.
        budget: the time that there is.
    """

    def __init__(
        self, sandbox: Sandbox, submission: Submission, runs: Runs, *, patience_s: float, budget: Budget
    ) -> None:
        self._sandbox = sandbox
        self._submission = submission
        self._runs = runs
        self._patience_s = patience_s
        self._budget = budget
        self._ended: list[Job] = []

    def throughput(self, jobs: int) -> Throughput:
        """Submit so many jobs and wait for all of them.

        Raises:
            PubsubctlError: as ``counting.ended`` and ``check_once`` say.
        """
        batch_id = self._sandbox.new_batch()
        before, began = self._cpu_s(), time.perf_counter()
        submitted = list(self._sandbox.client.submit_many([self._submission] * jobs, batch_id=batch_id))
        submitted_s = time.perf_counter() - began
        found = list(ended(self._sandbox, batch_id, submitted, patience_s=self._patience_s, budget=self._budget))
        ended_s = time.perf_counter() - began
        cpu = _difference(self._cpu_s(), before)
        ran = self._once(found)
        return Throughput(jobs, submitted_s, ended_s, sum(run.seconds for run in ran), cpu)

    def latency(self, singles: Singles) -> Latency:
        """Submit and wait, one job after another.

        Raises:
            PubsubctlError: as ``throughput`` does.
        """
        watch, taken, parts = Stopwatch(), [], []
        for _ in singles:
            took, part = self._one(watch)
            taken.append(took * 1e3)
            parts.append(part)
        p50_ms, p90_ms, p99_ms = (_percentile(taken, part) for part in (50, 90, 99))
        return Latency(len(taken), p50_ms, p90_ms, p99_ms, typical(parts))

    def _one(self, watch: Stopwatch) -> tuple[float, Stages]:
        batch_id = self._sandbox.new_batch()
        watch.begin()
        began = time.perf_counter()
        submitted = list(self._sandbox.client.submit_many([self._submission], batch_id=batch_id))
        watch.submitted()
        (job,) = ended(self._sandbox, batch_id, submitted, patience_s=self._patience_s, budget=self._budget)
        took, seen_at = time.perf_counter() - began, time.time()
        (run,) = self._once([job])
        return took, watch.stages(seen_at, job, run)

    def check(self) -> None:
        """See once more that each of all jobs so far has run once.

        Raises:
            PubsubctlError: one has not.
        """
        check_once(self._ended, self._runs.of(job.id for job in self._ended))

    def _once(self, jobs: Sequence[Job]) -> list[Run]:
        ran = self._runs.of(job.id for job in jobs)
        check_once(jobs, ran)
        self._ended += jobs
        return ran

    def _cpu_s(self) -> Cpu:
        worker, emulator = self._sandbox.worker.pid, self._sandbox.emulator_pid
        return Cpu(
            client=time.process_time(),
            broker=None if emulator is None else usage.tree_cpu_s(emulator),
            parent=usage.own_cpu_s(worker),
            children=usage.below_cpu_s(worker),
        )


def cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def _difference(after: Cpu, before: Cpu) -> Cpu:
    def less(later: float | None, earlier: float | None) -> float | None:
        return None if later is None or earlier is None else later - earlier

    return Cpu(
        client=after.client - before.client,
        broker=less(after.broker, before.broker),
        parent=less(after.parent, before.parent),
        children=less(after.children, before.children),
    )
