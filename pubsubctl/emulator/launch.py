"""Starting an emulator as a process that nothing here has to wait for, and waiting until it serves."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pubsubctl.emulator.kinds import Kind
from pubsubctl.errors import EmulatorError

POLL_S = 0.02
ENDING_S = 5.0


@dataclass(frozen=True)
class Launch:
    """What to start.

    Attributes:
        kind: which emulator.
        data_dir: where its data lie, or will be.
        host_port: where to listen; port 0 takes a free one.
        options: its own options by name, passed on as they are.
        log: the file that gets what it prints.
    """

    kind: Kind
    data_dir: Path
    host_port: str
    options: Mapping[str, str]
    log: Path

    def command(self, ready_fd: int) -> list[str]:
        """The command line; it writes its address to ``ready_fd`` once RPCs are answered."""
        # -P: a file of the user's that is named like a module must not be imported in its stead.
        command = [sys.executable, "-P", "-m", self.kind.package, "--data", str(self.data_dir)]
        command += ["--host-port", self.host_port, "--ready-fd", str(ready_fd)]
        for name, value in self.options.items():
            command += [f"--{name.replace('_', '-')}={value}"]
        return command


@contextlib.contextmanager
def launched(launch: Launch, timeout_s: float) -> Iterator[tuple[int, str, str]]:
    """Start it, detached; if the block fails, it is ended again.

    Yields:
        Its pid, and where its gRPC and its REST are served.

    Raises:
        EmulatorError: it does not start; the text has the last line that it printed.
    """
    printed = launch.log.stat().st_size if launch.log.exists() else 0
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as ready:
        try:
            pid = _spawn(launch, writing)
        finally:
            os.close(writing)
        try:
            told = _wait_ready(ready, launch.log, printed, timeout_s)
            yield pid, told[0], told[-1]
        except BaseException:
            _end(pid)
            raise


def until(timeout_s: float) -> Iterator[None]:
    """Turns of a loop that looks for something, with pauses between, until the time is over."""
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        yield
        time.sleep(POLL_S)


def reap(pid: int) -> None:
    """Collect the process if it is a child of this one, or it would stay a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _spawn(launch: Launch, ready: int) -> int:
    """A process in a session of its own."""
    with _opened(launch.log) as output:
        process = subprocess.Popen(
            launch.command(ready),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(ready,),
        )
    process.returncode = 0  # It is meant to outlive this process, which Popen would warn of.
    return process.pid


def _opened(log: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
    except OSError as error:
        raise EmulatorError(f"cannot write {log}: {error.strerror}; mend its permissions or make room") from error


def _wait_ready(ready: IO[bytes], log: Path, printed: int, timeout_s: float) -> list[str]:
    """What the process writes once it serves: its address, and that of its REST if that is another."""
    readable, _, _ = select.select([ready], [], [], timeout_s)
    told = ready.read(1_000).decode().split() if readable else []
    if not told:
        happened = "it ended at once" if readable else f"it took more than {timeout_s:g} s"
        reason = _last_line(log, printed) or f"{happened}, and printed nothing to {log}{_room(log)}"
        raise EmulatorError(f"the emulator did not start: {reason}")
    return told


def _last_line(log: Path, start: int) -> str:
    """The last line that was printed after the first ``start`` bytes; empty if there is none."""
    lines = log.read_bytes()[start:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _room(log: Path) -> str:
    return "" if os.statvfs(log).f_bavail else "; its disk is full: make room"


def _end(pid: int) -> None:
    """SIGTERM lets it clean up; SIGKILL, if that is not done in time."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, number)
            if any(os.waitpid(pid, os.WNOHANG)[0] for _ in until(ENDING_S)):
                return
