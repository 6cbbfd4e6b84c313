"""The curves: along what the cost of a job may grow, the points of each, and how much is measured at a point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from racing.interrupts import undisturbed

from growing.scene import measured, sandbox
from growing.stores import Backend
from growing.work import KB, Plan, Work

WAITING = (1, 10, 100, 1_000, 10_000, 100_000)
EVER = (1_000, 10_000, 100_000, 1_000_000)
_SLOTS = ((1, 1), (2, 1), (2, 2), (2, 4))
_BODIES_KB = (1, 10, 100)
_SLEEP_MS = 5
_BULK = 1_000
"""As many as the client submits in one call: up to that many reach a worker that runs at once."""
_WINDOW = 2_000


@dataclass(frozen=True)
class Load:
    """How much is measured.

    Attributes:
        jobs: of one lot that does nothing; of slower ones there are fewer.
        lots: how many lots of them, of which the median counts.
        most: the most jobs that wait, ever were, or are in the store.
        times: how often a command is run, of which the median counts.
        timeout_s: for the results of one lot.
    """

    jobs: int = 5_000
    lots: int = 3
    most: int = 100_000
    times: int = 5
    timeout_s: float = 120.0

    def up_to_most(self, steps: Sequence[int]) -> list[int]:
        """Those of the steps that are measured."""
        return [step for step in steps if step <= self.most]


class Point(Protocol):
    """A place on a curve.

    Attributes:
        at: where.
        label: what it is called there.
    """

    @property
    def at(self) -> float:
        """Where."""

    @property
    def label(self) -> str:
        """What it is called there."""

    def measure(self, backend: Backend, timeout_s: float) -> dict[str, float]:
        """Its figures by name; raises ``Failure`` where a job is lost or wrong."""


@dataclass(frozen=True)
class PathPoint:
    """One of the whole path, from a client's submit to its having read the result."""

    at: float
    label: str
    plan: Plan
    work: Work = field(default_factory=Work)
    processes: int = 2
    threads: int = 1

    def measure(self, backend: Backend, timeout_s: float) -> dict[str, float]:
        """See ``Point``."""
        scene = sandbox(backend, processes=self.processes, threads=self.threads, idle=self.plan.waiting)
        with undisturbed(scene):
            return measured(scene, self.work, self.plan, timeout_s)


@dataclass(frozen=True)
class Curve:
    """A curve.

    Attributes:
        name: as ``--only`` takes it.
        title: what grows, and what is constant.
        along: what the numbers of its points are.
        points: in order.
    """

    name: str
    title: str
    along: str
    points: Sequence[PathPoint]


def slots(load: Load) -> Curve:
    """Slots for jobs that do nothing: how many there are should make no job dearer."""
    plan = _lots(load.jobs, load.lots)
    return Curve("slots", "jobs that do nothing", "slots", list(_over_slots(plan, Work())))


def sleeping(load: Load) -> Curve:
    """Slots for jobs that only wait: twice as many should do twice as many."""
    # As many jobs for each slot: the shape of the curve is what counts, and one slot alone does some 180 a second.
    points = []
    for processes, threads in _SLOTS:
        jobs = max(load.jobs * processes * threads // 20, 50)
        points += [_slots_point(processes, threads, _lots(jobs, load.lots), Work(sleep_ms=_SLEEP_MS))]
    return Curve("sleeping", f"jobs that sleep for {_SLEEP_MS} ms", "slots", points)


def body(load: Load) -> Curve:
    """Bytes of request and response."""
    points = [
        PathPoint(size, f"{size}", _lots(max(load.jobs // (1 + size // 5), 50), load.lots), Work(size=size * KB))
        for size in _BODIES_KB
    ]
    return Curve("body", "a request, and a response, of so many KB", "KB", points)


def waiting(load: Load) -> Curve:
    """Jobs that wait: up to a bulk come all at once to a worker that runs, more are there before it starts."""
    points = []
    for count in load.up_to_most(WAITING):
        if count <= _BULK:
            jobs = max(count, min(_BULK, load.jobs)) if count < _BULK else count * load.lots
            plan = Plan(jobs - jobs % count, count, warm=min(_BULK, load.jobs) // 2)
        else:
            plan = Plan(count, 2 * count, warm=min(_BULK, count) // 2, waiting=True)
        points.append(PathPoint(count, f"{count:,}", plan))
    return Curve("waiting", "so many jobs waiting, then drained", "jobs waiting", points)


def memory(load: Load) -> Curve:
    """Jobs that ever were, with a client that has at most some thousands under way: nobody's memory should grow."""
    plans = [Plan(count, min(_WINDOW, count), ahead=True) for count in load.up_to_most(EVER)]
    return Curve(
        "memory", "so many jobs, one after another", "jobs", [PathPoint(p.jobs, f"{p.jobs:,}", p) for p in plans]
    )


CURVES = {curve.__name__: curve for curve in (slots, sleeping, body, waiting, memory)}


def _lots(jobs: int, lots: int) -> Plan:
    return Plan(jobs * lots, jobs, warm=max(jobs // 5, 10))


def _over_slots(plan: Plan, work: Work) -> Iterator[PathPoint]:
    for processes, threads in _SLOTS:
        yield _slots_point(processes, threads, plan, work)


def _slots_point(processes: int, threads: int, plan: Plan, work: Work) -> PathPoint:
    count = processes * threads
    return PathPoint(count, f"{count} ({processes} x {threads})", plan, work, processes, threads)
