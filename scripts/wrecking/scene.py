"""What is broken: workers and an emulator, each a process, in a project folder of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.emulator import control, daemon
from pubsubctl.errors import EmulatorError
from pubsubctl.settings import Settings
from pubsubctl.state import State
from pubsubctl.store.opening import open_store

SCRIPTS = Path(__file__).parent.parent
START_S = 60.0
_AGAIN_S = 0.5
_UNREACHABLE = 5
_READY = "worker ready in"


class Scene:
    """A project.

    Args:
        folder: where everything goes.
        faults: what the emulator does wrong by itself.
        lease_s: for how long a worker that gives no sign keeps its jobs.
        wanted: how the subscription is to be.
    """

    def __init__(self, folder: Path, faults: str, lease_s: int, wanted: Wanted) -> None:
        self.folder = folder
        self._wanted = wanted
        self.faults = faults
        self.runs = folder / "runs"
        self.state = State(folder / ".pubsubctl")
        self.state.create()
        self.environment = {"PUBSUBCTL_LEASE": str(lease_s), "BOOKKEEPING_RUNS": str(self.runs)}
        self.settings = Settings.load({}, environ=self.environment, start=folder)

    def set_up(self) -> None:
        """Start the emulator and create topics, subscriptions and store."""
        daemon.start(self.state, options={"chaos": self.faults})
        with Connection(self.settings) as connection:
            provisioner = Provisioner(connection, self.settings, self._wanted)
            for _ in provisioner.apply(provisioner.plan()):
                pass
        open_store(self.settings.store_url).close()


class Emulator:
    """The emulator's process.

    Attributes:
        name: what people call it.
        busy: see ``Seat``.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.name = "emulator"
        self.busy = threading.Lock()

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        running = daemon.find(self._scene.state)
        if running is not None:
            os.kill(running.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(running.pid, 0)

    def start(self) -> None:
        """Start it where it was, with its faults."""
        daemon.start(self._scene.state, options={"chaos": self._scene.faults})

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        running = daemon.find(self._scene.state)
        if running is not None:
            os.kill(running.pid, number)

    def misbehave(self, faults: str) -> None:
        """Let it make these faults from now on."""
        running = daemon.find(self._scene.state)
        if running is not None:
            with contextlib.suppress(EmulatorError):
                control.make_chaos(running.address, faults)

    def restore(self) -> None:
        """Let it make only the faults that it was started with."""
        self.misbehave(self._scene.faults)

    def stop(self) -> None:
        """End it in order."""
        daemon.stop(self._scene.state)


class Seat:
    """A place for a worker: there is always one, if not the same.

    Attributes:
        busy: somebody breaks it, or mends it; whoever does holds this lock.
        exits: the exit codes of workers that ended by themselves or were asked to.
    """

    def __init__(self, scene: Scene, number: int) -> None:
        self._scene = scene
        self._log = scene.folder / f"worker-{number}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.name = f"worker {number}"
        self.busy = threading.Lock()
        self.exits: list[int] = []

    @property
    def pid(self) -> int:
        """Of the worker's parent."""
        assert self._process is not None
        return self._process.pid

    def start(self, *flags: str) -> None:
        """Start a worker, and wait until it runs jobs; as a supervisor does, again while there is no broker to be had.

        Raises:
            subprocess.SubprocessError: it ends for another reason, or takes too long.
        """
        deadline = time.monotonic() + START_S
        while not self._has_started(flags):
            if time.monotonic() > deadline or self.ended() != _UNREACHABLE:
                raise subprocess.SubprocessError(f"{self.name} does not start: exit code {self.ended()}")
            time.sleep(_AGAIN_S)

    def _has_started(self, flags: Sequence[str]) -> bool:
        before = self.log().count(_READY) if self._log.exists() else 0
        self._launch(flags)
        until(lambda: self.ended() is not None or self.log().count(_READY) > before, START_S)
        return self.log().count(_READY) > before

    def _launch(self, flags: Sequence[str]) -> None:
        command = [
            sys.executable,
            "-m",
            "pubsubctl",
            "worker",
            "start",
            str(SCRIPTS / "bookkeeping" / "app.py"),
            "--processes",
            "2",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *flags],
                cwd=self._scene.folder,
                env=os.environ | self._scene.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send the worker's parent a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def children(self) -> list[int]:
        """The processes that run the application."""
        found: list[int] = []
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        return found

    def wait(self, timeout_s: float = START_S) -> int:
        """Wait for its end."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def ended(self) -> int | None:
        """The exit code, if it has ended."""
        assert self._process is not None
        return self._process.poll()

    def stop(self) -> None:
        """Drain it, and remember how it ended."""
        self.signal(signal.SIGTERM)
        self.exits.append(self.wait())

    def end(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """What all its workers have printed."""
        return self._log.read_text(errors="replace")


def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether a condition came to hold in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
