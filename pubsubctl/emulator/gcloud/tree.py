"""A command with all that it starts, as one process group that ends as a whole."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from pubsubctl.emulator.gcloud.leash import Leash

ENDING_S = 5.0
POLL_S = 0.01
_SET_CHILD_SUBREAPER = 36  # prctl(2)


class Tree:
    """A command that leads a session and a process group, on a leash. Its children stay in that group.

    Args:
        command: the program and its arguments.
        environment: what it is run with.
        output: the file that gets what it prints, in the place of what was there.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], output: Path) -> None:
        _adopt_orphans()
        self._leash = Leash()
        try:
            with output.open("wb") as file:
                self._leader = subprocess.Popen(
                    self._leash.join(command),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=self._leash.end,
                    stderr=file,
                    start_new_session=True,
                )
        except BaseException:
            self._leash.let_go()
            raise

    def ended(self) -> int | None:
        """How the command ended, as ``Popen.returncode`` tells it; None while it runs."""
        self._leash.renew(self._leader.pid)
        return self._leader.poll()

    def end(self) -> None:
        """Kill whatever is left of the group, and return when nothing of it is there any more."""
        self._signal(signal.SIGKILL)
        self._leader.wait()
        give_up = time.monotonic() + ENDING_S
        while self._reap() and time.monotonic() < give_up:
            time.sleep(POLL_S)
        self._leash.let_go()

    def _reap(self) -> bool:
        """Collect what the command has left to us; whether there is more."""
        try:
            os.waitpid(-self._leader.pid, os.WNOHANG)
        except ChildProcessError:
            return self._signal(0)  # orphans that went to init can only be asked after
        return True

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self._leader.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS has the latter for a group of zombies
            return False
        return True


def _adopt_orphans() -> None:
    """Have what our children leave behind come to us instead of to init, where Linux lets us: so we see its end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
