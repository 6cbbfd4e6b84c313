"""What a benchmark found."""

from dataclasses import dataclass

from pubsubctl.bench.calling import Alone
from pubsubctl.bench.stages import Stages
from pubsubctl.bench.usage import Memory
from pubsubctl.bench.verdict import Verdict


@dataclass(frozen=True)
class Subject:
    """What was measured.

    Attributes:
        app: as it was named.
        request: method and path.
        broker: ``embedded``, ``gcloud``, ``cloud`` or ``emulator``.
        address: the broker's.
        own_broker: whether it was started for this.
        store: where the jobs were.
        prefetch: messages held beyond those that run; None where that adapts.
        cpus: that this machine lets us use.
    """

    app: str
    request: str
    broker: str
    address: str
    own_broker: bool
    store: str
    processes: int
    threads: int
    prefetch: int | None
    cpus: int

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        return self.processes * self.threads


@dataclass(frozen=True)
class Cpu:
    """Seconds of CPU of each part while the jobs ran; None where the system does not tell, or it is not ours."""

    client: float
    broker: float | None
    parent: float | None
    children: float | None

    @property
    def total(self) -> float | None:
        """Of all parts that are on this machine; None where one of ours is not known."""
        if self.parent is None or self.children is None:
            return None
        return self.client + (self.broker or 0.0) + self.parent + self.children


@dataclass(frozen=True)
class Throughput:
    """Many jobs, submitted at once.

    Attributes:
        jobs: how many.
        submitted_s: seconds until all of them were submitted.
        ended_s: seconds from the first submit until the last result was stored and seen.
        app_s: seconds that the application ran, all runs together.
        cpu: what it took.
    """

    jobs: int
    submitted_s: float
    ended_s: float
    app_s: float
    cpu: Cpu

    @property
    def rate(self) -> float:
        """Jobs a second, from submit to stored result."""
        return self.jobs / self.ended_s


@dataclass(frozen=True)
class Latency:
    """One job after another, each from ``submit`` to its result being seen.

    Attributes:
        p50_ms: in milliseconds, as the others.
        stages: where the time of the typical job goes.
    """

    jobs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    stages: Stages


@dataclass(frozen=True)
class Report:
    """Everything that was measured in one run.

    Attributes:
        chosen: whether the number of jobs was chosen by us.
    """

    subject: Subject
    chosen: bool
    alone: Alone
    throughput: Throughput
    latency: Latency
    memory: Memory | None
    verdict: Verdict
