"""The processes that a job costs something, and what each of them has used so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from racing.processes import tree
from racing.usage import cpu_s, own_cpu_s, peak_rss_mib

PARTS = ("client", "parent", "children", "emulator")
CPU, RSS = "cpu-", "rss-"
NOBODY = -1
"""Instead of the id of a process that is not there yet."""


@dataclass(frozen=True)
class Cast:
    """Who takes part, by process id.

    Attributes:
        client: who submits, and reads the results.
        parent: the worker; its children are those that it has started.
        emulator: the broker.
    """

    client: int
    parent: int
    emulator: int

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each part so far."""
        parent = own_cpu_s(self.parent)
        children = cpu_s([self.parent]) - parent
        return _named(CPU, own_cpu_s(self.client), parent, children, cpu_s([self.emulator]))

    def peak_rss_mib(self) -> dict[str, float]:
        """The most resident memory that each part ever had; children together, shared pages counted in each."""
        of: Callable[[Sequence[int]], float] = lambda pids: sum(map(peak_rss_mib, pids))  # noqa: E731 - three times
        return _named(RSS, of([self.client]), of([self.parent]), of(tree([self.parent])[1:]), of(tree([self.emulator])))


def us_a_job(before: dict[str, float], after: dict[str, float], jobs: int) -> dict[str, float]:
    """CPU microseconds a job of each part between two looks."""
    return {name: (after[name] - before[name]) / jobs * 1e6 for name in after}


def _named(prefix: str, *values: float) -> dict[str, float]:
    return {prefix + part: value for part, value in zip(PARTS, values, strict=True)}
