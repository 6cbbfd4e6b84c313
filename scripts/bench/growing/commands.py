"""Commands as people type them, each in a process of its own: how long one takes, from its start to its end."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from loads import Failure

from growing.stores import Backend
from pubsubctl.settings import Settings


class CommandLine:
    """``pubsubctl`` in the folder of a project.

    Args:
        folder: where it is run.
        settings: the project's.
        backend: the store.
        timeout_s: how long one run may take.
    """

    def __init__(self, folder: Path, settings: Settings, backend: Backend, timeout_s: float) -> None:
        self._folder = folder
        self._flags = ["--store", backend.url] if backend.url else []
        self._timeout_s = timeout_s
        # Installed, every module has been compiled; so it is here, wherever Python may write.
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
        self._environment |= {"PUBSUBCTL_TOPIC": settings.topic, "PUBSUBCTL_SUBSCRIPTION": settings.subscription}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def seconds(
        self, command: Sequence[str], times: int, check: Callable[[str], bool], *, with_store: bool = True
    ) -> float:
        """The median of several runs, of which each must have printed what it should; the first is not counted.

        Raises:
            Failure: one has not, or took too long.
        """
        taken = [self._once(command, check, with_store=with_store) for _ in range(1 + times)]
        return statistics.median(taken[1:])

    def _once(self, command: Sequence[str], check: Callable[[str], bool], *, with_store: bool) -> float:
        shown = " ".join(["pubsubctl", *command])
        began = time.perf_counter()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pubsubctl", *command, *(self._flags if with_store else ())],
                cwd=self._folder,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{shown} has not ended after {self._timeout_s:g} s") from error
        took_s = time.perf_counter() - began
        if done.returncode or not check(done.stdout):
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            raise Failure(f"{shown} ended with status {done.returncode} and said: {said}")
        return took_s
