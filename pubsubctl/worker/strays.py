"""Processes that a child's application started: found wherever they went, and ended with the child.

A signal to the child's session reaches most of them, but not one that has made a session of its own. Those carry the
child's mark in their environment, or descend from it. Needs ``/proc``; elsewhere none of them is found.

Run as a script, this waits until its standard input ends, as it does when the worker dies, even of SIGKILL, and then
ends every process that carries one of the worker's marks. So it imports nothing of this package.
"""

import os
import signal
import sys
from collections import namedtuple
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress

VARIABLE = "PUBSUBCTL_CHILD"
_ROUNDS = 5
"""Looks, at most: whoever starts processes as fast as they are killed is left to the next one."""


_Process = namedtuple("_Process", "pid state parent session started")  # noqa: PYI024 - typing is slow to import


def offspring(leader: int) -> set[tuple[int, int]]:
    """What descends from a child that lives, each as its pid and when it was started, for ``end``."""
    processes = {process.pid: process for process in _processes()}
    found = (process for process in processes.values() if _descends(process, leader, processes))
    return {(process.pid, process.started) for process in found}


def end(mark: str, leader: int | None = None, known: AbstractSet[tuple[int, int]] = frozenset()) -> None:
    """Kill every process that carries a mark, or belongs to the session or the offspring of ``leader``.

    Args:
        mark: the beginning of what they have in ``PUBSUBCTL_CHILD``.
        leader: a child, dead or alive but not reaped; it is not killed itself.
        known: what was its offspring while it lived: those whose parent has died descend from nobody.
    """
    for _ in range(_ROUNDS):
        found = list(_find(mark, leader, known))
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):  # it is ours to reap where this process is the first of a container
                os.waitpid(pid, os.WNOHANG)
        if not found:
            return


def _find(mark: str, leader: int | None, known: AbstractSet[tuple[int, int]]) -> Iterator[int]:
    processes = {process.pid: process for process in _processes()}
    since = processes[leader].started if leader in processes else 0
    for process in processes.values():
        if process.pid in {os.getpid(), leader} or process.state in "ZX" or process.started < since:
            continue
        belongs = leader is not None and (process.session == leader or _descends(process, leader, processes))
        if belongs or (process.pid, process.started) in known or _carries(process.pid, mark):
            yield process.pid


def _processes() -> Iterator[_Process]:
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - a Path for each costs more than reading it
            if name.isdigit() and (process := _read(int(name))) is not None:
                yield process


def _read(pid: int) -> _Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None  # it has just ended
    return _Process(pid, fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19]))


def _descends(process: _Process, leader: int, processes: dict[int, _Process]) -> bool:
    seen: set[int] = set()
    while process.parent in processes and process.parent not in seen:
        if process.parent == leader:
            return True
        seen.add(process.parent)
        process = processes[process.parent]
    return False


def _carries(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - as above
            environment = file.read()
    except OSError:
        return False  # another user's, or it has just ended
    return b"\0" + f"{VARIABLE}={mark}".encode() in b"\0" + environment


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # so that it is no child of the worker's, whose children run the application
    sys.stdin.buffer.read()
    end(sys.argv[1])
