"""What processes use: CPU time, and memory at its peak. Known from ``/proc``; elsewhere nothing is said of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PARENT, _OWN, _OF_ENDED = 1, slice(11, 13), slice(13, 15)  # fields of stat, from the state on


@dataclass(frozen=True)
class Memory:
    """The most that processes had in memory, in bytes.

    Attributes:
        parent: the worker's parent.
        largest_child: the largest of those that run the application.
        children: how many of these there are.
    """

    parent: int
    largest_child: int
    children: int


def own_cpu_s(pid: int) -> float | None:
    """CPU seconds of one process so far, without its children's; None where the system does not tell."""
    fields = _stat(pid)
    return _ticks(fields[_OWN]) if fields else None


def tree_cpu_s(root: int) -> float | None:
    """CPU seconds so far of a process and of all that it has started, whether those still run or not."""
    fields = _stat(root)
    below = below_cpu_s(root)
    return None if fields is None or below is None else _ticks(fields[_OWN]) + below


def below_cpu_s(root: int) -> float | None:
    """The same without the process itself."""
    fields = _stat(root)
    if fields is None:
        return None
    living = (_stat(pid) for pid in descendants(root))
    return _ticks(fields[_OF_ENDED]) + sum(_ticks(found[_OWN] + found[_OF_ENDED]) for found in living if found)


def memory(worker: int) -> Memory | None:
    """Of a worker, by its parent's pid; None where the system does not tell."""
    parent = _peak(worker)
    children = [peak for pid in children_of(worker) if (peak := _peak(pid))]
    return Memory(parent, max(children), len(children)) if parent and children else None


def children_of(pid: int) -> list[int]:
    """The processes that one has started itself, and that are there."""
    return [found for found, parent in _parents() if parent == pid]


def descendants(root: int) -> list[int]:
    """All processes below one."""
    parents = list(_parents())
    found, ahead = [], [root]
    while ahead:
        pid = ahead.pop()
        below = [child for child, parent in parents if parent == pid]
        found += below
        ahead += below
    return found


def _parents() -> Iterator[tuple[int, int]]:
    if not _PROC.is_dir():
        return
    for entry in os.listdir(_PROC):  # noqa: PTH208 - this runs while others are measured, and a Path each costs
        if entry.isdigit() and (fields := _stat(int(entry))):
            yield int(entry), int(fields[_PARENT])


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` from the state on (proc(5) calls that one field 3); None if it is gone."""
    try:
        # The name of the program, in parentheses, may hold anything.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _ticks(fields: list[str]) -> float:
    return sum(map(int, fields)) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> int | None:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    kib = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return int(kib) * 1024 if kib else None
