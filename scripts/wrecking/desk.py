"""The submitter's process: there is always one, if not the same, until everything is submitted."""

import os
import subprocess
import sys
import threading
import time

from bookkeeping.journal import Journal, Known

from wrecking.scene import SCRIPTS, Scene


class Desk:
    """A place for a submitter.

    Args:
        arguments: the seed and the number of the jobs.
        last_s: how long they come.

    Attributes:
        name: what people call it.
        busy: see ``Seat``.
    """

    def __init__(self, scene: Scene, *arguments: int, last_s: float) -> None:
        self._scene = scene
        self._arguments = [str(argument) for argument in arguments]
        self._last_s = last_s
        self._began_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._journal = Journal(scene.folder)
        self._log = scene.folder / "submitter.log"
        self.name = "submitter"
        self.busy = threading.Lock()

    def start(self) -> None:
        """Go on where the one before was ended."""
        self._began_at = self._began_at or time.monotonic()
        times = [str(self._began_at), str(self._last_s)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bookkeeping.submitting", self._scene.folder, *self._arguments, *times],
                env=os.environ | self._scene.environment | {"PYTHONPATH": _path()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def known(self) -> Known:
        """What is known of the jobs."""
        return self._journal.read()

    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process is not None and self._process.poll() is not None

    def failure(self) -> str | None:
        """Why it has not done everything, if it has ended so."""
        if self.known().done:
            return None
        return (self._log.read_text(errors="replace").strip().splitlines() or ["it was killed"])[-1]


def _path() -> str:
    return os.pathsep.join(part for part in (str(SCRIPTS), os.environ.get("PYTHONPATH", "")) if part)
