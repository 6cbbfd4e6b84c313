"""What processes use: CPU time, and memory at its peak."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from racing.processes import stat, tree

_EVERY_S = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(roots: Sequence[int]) -> float:
    """CPU seconds so far of these processes and of all that they have started, whether those still run or not."""
    return sum(_cpu_s(pid, ended=True) for pid in tree(roots))


def own_cpu_s(pid: int) -> float:
    """CPU seconds so far of one process alone."""
    return _cpu_s(pid, ended=False)


def _cpu_s(pid: int, *, ended: bool) -> float:
    """With ``ended``, also what its children used that it has waited for: RQ's live no longer than a job."""
    fields = stat(pid)
    return sum(map(int, fields[11 : 15 if ended else 13])) / _TICKS if fields else 0.0


def peak_rss_mib(pid: int) -> float:
    """The most resident memory that one process ever had, as the kernel has kept it; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


class Memory:
    """While entered, looks twice a second, and at the end, how much memory a tree of processes has together.

    Attributes:
        rss_mib: the most that they had, pages that several of them share being counted in each.
        pss_mib: the most that they had, such pages being counted once.
    """

    def __init__(self, roots: Sequence[int]) -> None:
        self.rss_mib = 0.0
        self.pss_mib = 0.0
        self._roots = roots
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._end.wait(_EVERY_S)
            rss_mib = pss_mib = 0.0
            for found in map(_rollup, tree(self._roots)):
                rss_mib += found.get("Rss:", 0.0)
                pss_mib += found.get("Pss:", 0.0)
            self.rss_mib, self.pss_mib = max(self.rss_mib, rss_mib), max(self.pss_mib, pss_mib)


def _rollup(pid: int) -> dict[str, float]:
    """MiB by kind, as proc(5) has them for the whole of a process; nothing if it has ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split()[0]: int(line.split()[1]) / 1024 for line in lines}
