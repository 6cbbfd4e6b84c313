"""The process of a sandbox's worker."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from pubsubctl.errors import ApplicationError
from pubsubctl.settings import Settings

# What a worker of the user's may use at this moment; what is no text, and is given as a flag where it matters; and what
# is looked for in the user's own file, whose values are among the settings already.
_NOT_HANDED_ON = ("host_port", "retry_on", "app")
_VARIABLES = {f"PUBSUBCTL_{field.name.upper()}" for field in fields(Settings)} | {"PUBSUBCTL_PROFILE"}


class WorkerProcess:
    """``worker start`` in a process of its own.

    Args:
        app: the application, as ``worker start`` takes it.
        flags: more arguments of ``worker start``.
        settings: handed on through the environment, those that somebody has set.
        folder: its working directory.
        environment: variables beside ours.
        log: the file that gets what it prints.
    """

    def __init__(
        self,
        app: str,
        flags: Sequence[str],
        *,
        settings: Settings,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                # -P: nothing in the working directory may stand in for a module of ours; the children look there.
                [sys.executable, "-P", "-m", "pubsubctl", "worker", "start", app, *flags],
                cwd=folder,
                env=_environment(settings) | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us, who then stop it
            )

    @property
    def pid(self) -> int:
        """Of the worker's parent."""
        return self._process.pid

    def check(self) -> None:
        """See that it still runs.

        Raises:
            ApplicationError: it has ended; the text has the last line that it printed, or the signal that killed it.
        """
        code = self._process.poll()
        if code is not None and code < 0:
            raise ApplicationError(f"the worker has ended: it was killed by {signal.Signals(-code).name}")
        if code is not None:
            raise ApplicationError(f"the worker has ended: {self.last_line()}")

    def last_line(self) -> str:
        """What it printed last, without the words that every command begins its errors with."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("pubsubctl: ") if lines else "it printed nothing"

    def stop(self, within_s: float) -> None:
        """Let it drain, and kill it if that takes too long."""
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
        self._process.kill()
        self._process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    ours = {
        f"PUBSUBCTL_{key.upper()}": str(value)
        for key in settings.sources
        if key not in _NOT_HANDED_ON and (value := getattr(settings, key)) is not None
    }
    if "host_port" in settings.sources:
        ours["PUBSUBCTL_HOST_PORT"] = "127.0.0.1:0"  # the file may name one that is in use
    inherited = {key: value for key, value in os.environ.items() if key not in _VARIABLES}
    if settings.emulator_host is None:
        inherited.pop("PUBSUB_EMULATOR_HOST", None)
    return inherited | ours | {"PUBSUBCTL_LOG_FORMAT": "text"}
