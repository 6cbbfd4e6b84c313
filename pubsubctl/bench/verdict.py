"""What limits the throughput, in a sentence, and what to try next. Pure."""

from dataclasses import dataclass

_MOSTLY = 0.6
_BUSY = 0.85
_LEAST_S = 0.2
"""A run that is shorter says nothing of CPUs, whose time the system tells in ticks of 10 ms."""


@dataclass(frozen=True)
class Verdict:
    """What the figures mean.

    Attributes:
        limited_by: ``app`` or ``pubsubctl``.
        in_app: the share of the slots' time that was spent in the application, 0 to 1.
        cpus_busy: the share of the CPUs' time that client, worker, application and our broker took; None: not known.
        parent_busy: the share of one CPU's time that the worker's parent took; None: not known.
        sentence: for people.
    """

    limited_by: str
    in_app: float
    cpus_busy: float | None
    parent_busy: float | None
    sentence: str


@dataclass(frozen=True)
class Figures:
    """What is judged. Seconds of one run.

    Attributes:
        ended_s: how long it took.
        submitted_s: how long the submitting took.
        app_s: in the application, all slots together.
        cpu_s: of CPU, all parts together; None: not known.
        parent_cpu_s: of the worker's parent.
    """

    ended_s: float
    submitted_s: float
    app_s: float
    cpu_s: float | None
    parent_cpu_s: float | None
    processes: int
    threads: int
    cpus: int
    own_broker: bool


def judge(figures: Figures) -> Verdict:
    """What limits, and what to try."""
    slots = figures.processes * figures.threads
    in_app = min(1.0, figures.app_s / (slots * figures.ended_s))
    cpus_busy, parent_busy = _share(figures, figures.cpu_s, figures.cpus), _share(figures, figures.parent_cpu_s, 1)
    by_app = in_app >= _MOSTLY
    advice = _for_the_app(figures, cpus_busy) if by_app else _for_us(figures, cpus_busy, parent_busy)
    by = "app" if by_app else "pubsubctl"
    told = f"limited by {'your app' if by_app else 'pubsubctl'}: {in_app:.0%} of the slots' time was spent in the app"
    busy = "" if cpus_busy is None else f", and the CPUs were {cpus_busy:.0%} busy"
    return Verdict(by, in_app, cpus_busy, parent_busy, f"{told}{busy}. {advice}")


def _share(figures: Figures, cpu_s: float | None, cpus: int) -> float | None:
    if cpu_s is None or figures.ended_s < _LEAST_S:
        return None
    return min(1.0, cpu_s / (cpus * figures.ended_s))


def _for_the_app(figures: Figures, cpus_busy: float | None) -> str:
    if cpus_busy is not None and cpus_busy >= _BUSY:
        return "Next: make the app itself use less CPU, or run workers on more machines."
    more = f"--processes {figures.processes * 2}"
    if cpus_busy is not None and cpus_busy < 1 - _BUSY:
        more += f", or --threads {figures.threads * 4} as it mostly waits"
    return f"Next: {more}."


def _for_us(figures: Figures, cpus_busy: float | None, parent_busy: float | None) -> str:
    if cpus_busy is not None and cpus_busy >= _BUSY:
        shared = "client, broker and worker share them here" if figures.own_broker else "client and worker share them"
        return f"{shared[0].upper()}{shared[1:]}. Next: give each a machine of its own, or put more work into a job."
    if parent_busy is not None and parent_busy >= _BUSY:
        return "The worker's parent has all that one CPU gives. Next: a second worker on the subscription."
    if figures.submitted_s >= _BUSY * figures.ended_s:
        return "Jobs were submitted no faster than they ran. Next: several clients that submit."
    return "It waited for the broker and the store. Next: a higher --prefetch, a nearer broker, a faster disk."
