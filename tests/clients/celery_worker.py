"""A Celery worker as a process, with the processes of its pool."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

STOP_S = 20


class CeleryWorker:
    """``celery worker``, in a process group of its own so that the pool ends with it."""

    def __init__(self, name: str, queues: str, log: Path) -> None:
        """Start it; the environment says where the application finds its broker.

        Args:
            name: tells it from other workers.
            queues: separated by commas.
            log: what it prints.
        """
        command = ["-m", "celery", "--app", "celery_tasks", "worker", "--hostname", f"{name}@test", "--queues", queues]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *command, "--concurrency", "2", "--loglevel", "INFO"],
                cwd=Path(__file__).parent,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._log = log

    @property
    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text()

    def is_ready(self) -> bool:
        assert self._process.poll() is None, self.log
        return " ready." in self.log

    def kill(self) -> None:
        """SIGKILL, for it and its pool."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_S)

    @classmethod
    @contextlib.contextmanager
    def running(cls, name: str, queues: str, log: Path) -> Iterator[CeleryWorker]:
        """A worker that is killed in the end: a warm shutdown waits for pulls, which takes up to 10 s."""
        worker = cls(name, queues, log)
        try:
            yield worker
        finally:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
