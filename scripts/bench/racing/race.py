"""One contestant in one round: warm it up, then measure it."""

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loads import Failure

from racing.contestant import Contestant, Runner
from racing.ledger import Ledger
from racing.usage import Memory, cpu_s, own_cpu_s

_START_S = 60.0
_WARM_SHARE = 10
_WARM_LEAST = 100
_WARM_SINGLES = 10


@dataclass(frozen=True)
class Heat:
    """How much is measured.

    Attributes:
        jobs: of the throughput figure.
        singles: of the latency figures.
        processes: that run jobs.
        timeout_s: for one measurement.
    """

    jobs: int = 10_000
    singles: int = 200
    processes: int = 2
    timeout_s: float = 60.0


def race(contestant: Contestant, folder: Path, heat: Heat) -> dict[str, float]:
    """The figures of a contestant, by name.

    Raises:
        Failure: a job was lost, failed, wrong or late.
    """
    jobs = min(heat.jobs, contestant.most)
    numbers = itertools.count()
    with contestant.start(folder, heat.processes) as runner:
        _alone(runner, _some(1, numbers), _START_S)  # that it has come up is known by its first result
        _together(runner, _some(max(jobs // _WARM_SHARE, _WARM_LEAST), numbers), heat.timeout_s)
        found = throughput(runner, _some(jobs, numbers), heat.timeout_s)
        return found | latency(runner, _some(_WARM_SINGLES + heat.singles, numbers), heat.timeout_s)


def throughput(runner: Runner, numbers: Sequence[int], timeout_s: float) -> dict[str, float]:
    """Jobs a second from the first submit to the last result seen, and what processes used for it."""
    me, jobs = os.getpid(), len(numbers)

    def used() -> list[float]:
        parent = 0.0 if runner.parent is None else own_cpu_s(runner.parent)
        return [cpu_s(runner.workers), parent, own_cpu_s(runner.server), own_cpu_s(me)]

    with Memory(runner.workers) as memory:
        before = used()
        took_s = _together(runner, numbers, timeout_s)
        after = used()
    names = ("cpu-workers", "cpu-parent", "cpu-server", "cpu-client")
    cpu = {name: (b - a) / jobs * 1e6 for name, a, b in zip(names, before, after, strict=True)}
    if runner.parent is None:
        del cpu["cpu-parent"]
    return {"rate": jobs / took_s, **cpu, "rss": memory.rss_mib, "pss": memory.pss_mib}


def latency(runner: Runner, numbers: Sequence[int], timeout_s: float) -> dict[str, float]:
    """One job after another, from submit to result seen, in milliseconds."""
    # The first are not counted: Celery's client then also reads the news of all jobs of before.
    taken = sorted(_alone(runner, numbers, timeout_s)[_WARM_SINGLES:])
    return {f"p{percent}": taken[min(len(taken) - 1, len(taken) * percent // 100)] for percent in (50, 90, 99)}


def _some(count: int, numbers: Iterator[int]) -> list[int]:
    return list(itertools.islice(numbers, count))


def _together(runner: Runner, numbers: Sequence[int], timeout_s: float) -> float:
    """Seconds until the last result was read: what a client then does to forget them is not counted."""
    ledger = Ledger(numbers)
    began = last = time.perf_counter()
    for number, result in runner.many(numbers, timeout_s):
        ledger.came(number, result)
        last = time.perf_counter()
    ledger.check()
    return last - began


def _alone(runner: Runner, numbers: Sequence[int], timeout_s: float) -> list[float]:
    ledger, taken = Ledger(numbers), []
    for number in numbers:
        began = time.perf_counter()
        try:
            result = runner.one(number, timeout_s)
        except Exception as error:
            raise Failure(f"job {number} has no result: {type(error).__name__}: {error}") from error
        taken.append((time.perf_counter() - began) * 1e3)
        ledger.came(number, result)
    ledger.check()
    return taken
