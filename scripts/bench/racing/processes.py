"""Processes that the run starts: how they begin, which others they have begun, and how all of them end."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from loads import Failure

from racing.interrupts import undisturbed

END_S = 5.0
_LOOK_S = 0.01
_BORN = 19


def running(
    command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A process while the context lasts; in the end neither it is left, nor any that it has started.

    Args:
        command: what to run, with its arguments.
        log: where its output goes.
        environment: variables besides ours.
    """
    return undisturbed(_running(command, log, {**os.environ, **(environment or {})}))


@contextmanager
def _running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env=environment,
            start_new_session=True,  # Ctrl-C is for us, who then end it
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the leader, and SIGKILL to whatever of its tree is still there after a while."""
    members = _born(process.pid)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(END_S)
    if process.returncode is None:
        members |= _born(process.pid)
    for pid, born in members.items():
        fields = stat(pid)
        if fields and fields[_BORN] == born:  # else the number is another process's by now
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def _born(root: int) -> dict[int, str]:
    """The processes of a tree, and when each of them began."""
    return {pid: fields[_BORN] for pid in tree([root]) if (fields := stat(pid))}


def tree(roots: Sequence[int]) -> list[int]:
    """These processes that are there, and all that descend from them."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, ahead = [], list(roots)
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        ahead += children.get(pid, [])
    return found


def stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` from the state on (proc(5) calls that one field 3); None if it is gone."""
    try:
        # The name of the program, in parentheses, may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def wait_open(port: int, process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
    """Wait until something listens on a port of 127.0.0.1.

    Raises:
        Failure: the process ended, or it took too long.
    """
    give_up = time.monotonic() + timeout_s
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > give_up:
            raise Failure(f"{process.args!r} does not listen on port {port}: {last_line(log)}")
        time.sleep(_LOOK_S)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def last_line(log: Path) -> str:
    """The last thing that a process printed."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def _parents() -> Iterator[tuple[int, int]]:
    for entry in os.listdir("/proc"):  # noqa: PTH208 - this runs while others are measured, and a Path each costs
        if entry.isdigit() and (fields := stat(int(entry))):
            yield int(entry), int(fields[1])
