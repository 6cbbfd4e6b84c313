"""What processes use: CPU time, and memory at its peak."""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from racing.processes import stat, tree

_EVERY_S = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1024.0


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


class Memory:
    """While entered, looks some times a second how much memory some processes and their descendants have together.

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
        while True:
            pids = tree(self._roots)
            self.rss_mib = max(self.rss_mib, _together(_rollup_of("Rss:"), pids))
            self.pss_mib = max(self.pss_mib, _together(_rollup_of("Pss:"), pids))
            if self._end.wait(_EVERY_S):
                return


def _together(of: Callable[[int], float], pids: Sequence[int]) -> float:
    return sum(map(of, pids))


def _rollup_of(field: str) -> Callable[[int], float]:
    def read(pid: int) -> float:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended meanwhile
            return 0.0
        return next((int(line.split()[1]) / _MIB for line in lines if line.startswith(field)), 0.0)

    return read
