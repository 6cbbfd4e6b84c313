"""A project of its own in a temporary folder: emulator, topics, store and one worker, taken down at the end.

For the benchmarks: nothing of the user's is touched, and nothing is left behind. The demo does not use it: it runs
the commands that people would type.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.client import Client
from pubsubctl.emulator import daemon
from pubsubctl.errors import ApplicationError
from pubsubctl.settings import Settings
from pubsubctl.state import State

_START_S = 30.0
_STOP_S = 40.0
_LOOK_S = 0.1


class Sandbox:
    """Entered, it runs; left, however, it is gone.

    Args:
        app: the application, as ``worker start`` takes it.
        flags: more arguments of ``worker start``.
        settings: settings by key, for submitter and worker alike.
        idle: whether there is no worker before ``working`` is entered.
    """

    def __init__(
        self, app: str, *, flags: Sequence[str] = (), settings: Mapping[str, str] | None = None, idle: bool = False
    ) -> None:
        self._app = app
        self._flags = list(flags)
        self._given = dict(settings or {})
        self._idle = idle
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pubsubctl-")))
            state = State(self.folder / ".pubsubctl")
            state.create()
            self.settings = Settings.load(self._given, environ={}, start=self.folder)
            daemon.start(state)
            stack.callback(daemon.stop, state)
            self._provision()
            self.client = stack.enter_context(Client(self.settings))
            if not self._idle:
                stack.enter_context(self.working())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """The worker, ready, while the context lasts; entered by the sandbox itself unless it is ``idle``.

        Raises:
            ApplicationError: it did not start.
        """
        self.worker = self._start_worker()
        try:
            self._wait_for_worker()
            yield
        finally:
            self._stop_worker()

    @property
    def log(self) -> Path:
        """What the worker printed."""
        return self.folder / "worker.log"

    def check(self) -> None:
        """See that the worker still runs.

        Raises:
            ApplicationError: it has ended; the text has the last line that it printed.
        """
        if self.worker.poll() is not None:
            raise ApplicationError(f"the worker has ended: {self._last_line()}")

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def _provision(self) -> None:
        with Connection(self.settings) as connection:
            provisioner = Provisioner(connection, self.settings, Wanted())
            for _ in provisioner.apply(provisioner.plan()):
                pass

    def _start_worker(self) -> subprocess.Popen[bytes]:
        given = {f"PUBSUBCTL_{key.upper()}": value for key, value in self._given.items()}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PUBSUB")}
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pubsubctl", "worker", "start", self._app, *self._flags],
                cwd=self.folder,
                env=inherited | given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, who then stop it
            )

    def _wait_for_worker(self) -> None:
        deadline = time.monotonic() + _START_S
        with self.client.store.watch() as watch:
            while not self.client.store.workers():
                self.check()
                if time.monotonic() > deadline:
                    raise ApplicationError(f"the worker did not start: {self._last_line()}")
                watch.wait(_LOOK_S)

    def _stop_worker(self) -> None:
        self.worker.send_signal(signal.SIGTERM)
        try:
            self.worker.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            self.worker.wait()
