"""A worker's surroundings, real ones: the embedded broker, a store, the worker's own process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pubsubctl import Client, JobState, Settings
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.emulator import daemon
from pubsubctl.job import Job
from pubsubctl.state import State
from pubsubctl.submitted import SubmittedJob

HERE = Path(__file__).parent


def wait_for(condition: Callable[[], bool], *, what: str, timeout_s: float = 40.0) -> None:
    """Wait until ``condition`` holds, and fail when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.01)


def until_running(job: SubmittedJob) -> None:
    wait_for(lambda: job.state is JobState.RUNNING, what="the job runs")


def in_state(client: Client, job_id: str, state: JobState) -> Callable[[], bool]:
    """A condition to wait for; a job that nobody knows yet is in no state."""

    def check() -> bool:
        found = client.store.get([job_id])[0]
        return found is not None and found.state is state

    return check


def ended(job: SubmittedJob, timeout_s: float = 40.0) -> Job:
    return job.wait(timeout_s)


@dataclass
class Project:
    """A folder with an emulator, a store, and workers that the test starts. Everything ends with the test.

    Attributes:
        google: the address of Google's emulator, where that is the broker.
        lease_s: of the workers; the shortest that there is, so that tests need not wait for long.
        store: the URL of the store, where that is not the file of the folder.
    """

    folder: Path
    google: str | None = None
    lease_s: int = 10
    store: str | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return self._settings({})

    @property
    def state(self) -> State:
        return State(self.folder / ".pubsubctl")

    @property
    def runs(self) -> list[tuple[str, int]]:
        """The job and attempt of every run of the application so far."""
        path = self.folder / "runs"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[0], int(line.split()[1])) for line in lines]

    def client(self) -> Client:
        return Client(self.settings)

    def setup(self, wanted: Wanted | None = None, **flags: str) -> None:
        self.state.create()
        if self.google is None:
            daemon.start(self.state)
        settings = self._settings(flags)
        with Connection(settings) as connection:
            provisioner = Provisioner(connection, settings, wanted or Wanted())
            list(provisioner.apply(provisioner.plan()))

    def _settings(self, flags: Mapping[str, str]) -> Settings:
        return Settings.load(flags, environ={"PUBSUBCTL_LEASE": str(self.lease_s), **self.places}, start=self.folder)

    @property
    def places(self) -> dict[str, str]:
        """Where broker and store are, in the environment's words; each test has a project of its own in Google's."""
        places = {"PUBSUBCTL_STORE": self.store} if self.store is not None else {}
        if self.google is None:
            return places
        return places | {"PUBSUB_EMULATOR_HOST": self.google, "PUBSUBCTL_PROJECT": f"p-{abs(hash(self.folder))}"}

    def worker(
        self,
        *flags: str,
        app: str = "testapp:app",
        ready: bool = True,
        prefix: tuple[str, ...] = (),
        unread: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a worker; wait until it is known to the store. Nobody reads its log where that is to be ``unread``."""
        environment = os.environ | {
            "PYTHONPATH": str(HERE),
            "PUBSUBCTL_LEASE": str(self.lease_s),
            "TEST_RUNS": str(self.folder / "runs"),
            **self.places,
            **self.environment,
        }
        command = [*prefix, sys.executable, "-m", "pubsubctl", "worker", "start", app, *flags]
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stderr=subprocess.PIPE if unread else log,
                stdout=log,
                start_new_session=True,
            )
        self.workers.append(process)
        if ready:
            with self.client() as client:
                wait_for(
                    lambda: any(w.pid == process.pid for w in client.store.workers()) or process.poll() is not None,
                    what=f"the worker is ready; it printed: {self.log()}",
                )
        return process

    def log(self, number: int = -1) -> str:
        number = len(self.workers) + number if number < 0 else number
        return (self.folder / f"worker-{number}.log").read_text()

    def stop(self, worker: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
        worker.send_signal(number)
        return worker.wait(40)

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
            if worker.stderr is not None:
                worker.stderr.close()
        daemon.stop(self.state)
