"""A gateway with its dashboard and all that is behind it: the embedded broker, a store, workers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pubsubctl import Client, Settings
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.emulator import daemon
from pubsubctl.gateway.app import Gateway
from pubsubctl.gateway.dashboard.blueprint import PREFIX
from pubsubctl.gateway.server import Server
from pubsubctl.gateway.terms import Terms
from pubsubctl.state import State

_LEASE_S = "10"
_READY_S = 60.0


class NotReady(Exception):
    """Something did not come about in time; says what."""


def eventually(condition: Callable[[], object], what: str, timeout_s: float = _READY_S) -> None:
    """Wait until a condition holds.

    Raises:
        NotReady: it does not.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise NotReady(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.02)


@contextmanager
def served(client: Client, token: str | None = None) -> Iterator[str]:
    """The address of the dashboard of a gateway, while it is served."""
    gateway = Gateway(client, Terms(token=token, dashboard=True))
    server = Server(gateway.wsgi, "127.0.0.1:0")
    server.start()
    try:
        yield f"http://{server.address}{PREFIX}"
    finally:
        gateway.close()
        server.close()


class Scene:
    """A project with an emulator and a store; workers are started as they are asked for.

    Args:
        folder: of the project.
        app: what the workers run, as ``worker start`` takes it.
        path: where that is imported from.
    """

    def __init__(self, folder: Path, app: str, path: Path) -> None:
        self.folder = folder
        self._app = app
        self._path = path
        self._workers: list[subprocess.Popen[bytes]] = []
        self._state = State(folder / ".pubsubctl")
        self._state.create()
        daemon.start(self._state)
        settings = Settings.load({"lease": _LEASE_S}, environ={}, start=folder)
        with Connection(settings) as connection:
            provisioner = Provisioner(connection, settings, Wanted())
            list(provisioner.apply(provisioner.plan()))
        self.client = Client(settings)

    def worker(self, *flags: str) -> None:
        """Start a worker, and wait until it takes jobs."""
        environment = os.environ | {
            "PUBSUBCTL_LEASE": _LEASE_S,
            "PYTHONPATH": f"{self._path}:{os.environ.get('PYTHONPATH', '')}",
        }
        command = [sys.executable, "-m", "pubsubctl", "worker", "start", self._app, *flags]
        with (self.folder / f"worker-{len(self._workers)}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        self._workers.append(process)
        eventually(
            lambda: process.pid in {each.pid for each in self.client.store.workers()},
            what=f"a worker of {self._app} is ready",
        )

    def close(self) -> None:
        """End all of it."""
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self.client.close()
        daemon.stop(self._state)
