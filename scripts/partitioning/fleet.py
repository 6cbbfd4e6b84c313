"""All hosts and what runs on them: broker, store, submitter, workers, and one that only watches."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bookkeeping.journal import Journal

from partitioning.database import Database
from partitioning.hosts import Host
from partitioning.leftovers import CODE_PATH, SCRIPTS, Claim
from partitioning.lookout import PORT, Lookout
from partitioning.mishaps import BROKER, STORE, SUBMITTER
from partitioning.network import Network
from partitioning.switch import enter
from pubsubctl.broker.connection import Connection, answers
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.settings import Settings

CLOCKS_S = {SUBMITTER: 180, BROKER: -120, "worker-1": 420, "worker-2": -660}
"""How far clocks are ahead of PostgreSQL's, which is right."""

_BROKER_PORT = 8085
_START_S = 60.0
_UNREACHABLE = 5
_NUMBERS = {SUBMITTER: 1, BROKER: 2, STORE: 3}
_OBSERVER, _FIRST_WORKER = 254, 10


class Fleet:
    """Started by ``set_up``; it ends with the claim.

    Args:
        seed: of jobs and network.
        jobs: how many.
        last_s: how long they come.
        workers: the names of the hosts that have one from the beginning.
        processes: of each worker.
        lease_s: see the setting.
        faults: what the emulator does wrong by itself.

    Attributes:
        runs: where the application notes its runs.
        lookouts: what is known of the readiness of workers, by host.
        journal: what the submitter has noted.
    """

    def __init__(
        self,
        claim: Claim,
        *,
        seed: int,
        jobs: int,
        last_s: float,
        workers: Sequence[str],
        processes: int,
        lease_s: int,
        faults: str,
    ) -> None:
        self._claim, self._network = claim, Network(seed)
        self._arguments = [str(seed), str(jobs)]
        self._last_s = last_s
        self._workers = workers
        self._processes = processes
        self._faults = faults
        self.runs = claim.folder / "runs"
        self.hosts = {name: self._host(name, number) for name, number in _NUMBERS.items()}
        self._observer = self._host("observer", _OBSERVER)
        self._database = Database(self.hosts[STORE])
        self._environment = {
            "PUBSUB_EMULATOR_HOST": f"{self.hosts[BROKER].address}:{_BROKER_PORT}",
            "PUBSUBCTL_STORE": self._database.url,
            "PUBSUBCTL_LEASE": str(lease_s),
            "BOOKKEEPING_RUNS": str(self.runs),
            "PYTHONPATH": CODE_PATH,
        }
        self.settings = Settings.load({}, environ=self._environment, start=claim.folder)
        self.lookouts: dict[str, Lookout] = {}
        self._processes_of: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def network(self) -> Network:
        """What is between them."""
        return self._network

    def set_up(self) -> None:
        """Start everything but the submitter. From now on, this thread and those that it starts are the observer's."""
        for host in (self._observer, *self.hosts.values()):
            host.plug()
        enter(self._observer.namespace)
        self._database.start()
        self._start_broker()
        for name in self._workers:
            self.join(name)
        self.await_workers(self._workers)

    def _start_broker(self) -> None:
        address = self._environment["PUBSUB_EMULATOR_HOST"]
        faults = ["--chaos", self._faults] if self._faults else []
        command = ["emulator", "start", "--foreground", "--host-port", address, *faults]
        self._pubsubctl(self.hosts[BROKER], command, {"PUBSUB_EMULATOR_HOST": "", "PUBSUBCTL_STORE": ""})
        with Connection(self.settings) as connection:
            until(lambda: answers(connection.address), _START_S)
            provisioner = Provisioner(connection, self.settings, Wanted(enable_message_ordering=True))
            for _ in provisioner.apply(provisioner.plan()):
                pass

    def join(self, name: str) -> None:
        """A new host, with a worker."""
        host = self.hosts[name] = self._host(name, _FIRST_WORKER + len(self.lookouts))
        host.plug()
        self._start_worker(host)
        self.lookouts[name] = Lookout(host.address)
        self.lookouts[name].start()

    def await_workers(self, names: Sequence[str], timeout_s: float = _START_S) -> None:
        """Wait until these are ready; as a supervisor does, start one again that has found no broker or store.

        Raises:
            RuntimeError: one does not become so.
        """

        def are_ready() -> bool:
            for name in names:
                if self._processes_of[name].poll() == _UNREACHABLE:
                    self._start_worker(self.hosts[name])
            return all(self.lookouts[name].is_ready() for name in names)

        if not until(are_ready, timeout_s):
            raise RuntimeError("not every worker becomes ready; see their logs")

    def vanish(self, name: str) -> None:
        """A host is no more."""
        self.hosts[name].vanish()
        self._processes_of.pop(name).wait()

    def submit(self) -> None:
        """Start submitter and collector."""
        host = self.hosts[SUBMITTER]
        self.journal = Journal(host.folder)
        began = [str(time.monotonic()), str(self._last_s)]
        for module, rest in (("bookkeeping.submitting", began), ("partitioning.collecting", [])):
            command = [sys.executable, "-m", module, str(host.folder), *self._arguments, *rest]
            log = host.folder / f"{module}.log"
            self._processes_of[module] = host.start(command, self._environment, log)

    def has_ended(self, module: str) -> bool:
        """Whether the submitter, or the collector, runs no more."""
        return self._processes_of[module].poll() is not None

    def drain(self, timeout_s: float) -> list[str]:
        """End every worker in order; returns what went wrong with that."""
        workers = [name for name in self.lookouts if name in self._processes_of]
        for name in workers:
            self.lookouts[name].stop()
            self._processes_of[name].terminate()
        codes = {name: self._processes_of[name].wait(timeout_s) for name in workers}
        return [f"{name} ended with exit code {code}" for name, code in codes.items() if code]

    def run_what_is_left(self, timeout_s: float) -> list[str]:
        """Have one worker run whatever the broker still has: none of it may run."""
        name = next(name for name in self.lookouts if name in self._processes_of)
        worker = self._start_worker(self.hosts[name], "--burst")
        try:
            code = worker.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return ["a last worker, with --burst, did not end"]
        return [f"a last worker, with --burst, ended with exit code {code}"] if code else []

    def end(self) -> None:
        """Take the network down."""
        for lookout in self.lookouts.values():
            lookout.stop()
        self._network.close()

    def log(self, name: str) -> str:
        """What a worker has printed."""
        return self._log(self.hosts[name]).read_text(errors="replace")

    def _host(self, name: str, number: int) -> Host:
        return Host(self._claim, self._network, name, number, ahead_s=CLOCKS_S.get(name, 0))

    def _start_worker(self, host: Host, *flags: str) -> "subprocess.Popen[bytes]":
        app = SCRIPTS / "bookkeeping" / "app.py"
        health = ["--host-port", f"{host.address}:{PORT}"]
        command = ["worker", "start", str(app), "--processes", str(self._processes), *health, *flags]
        return self._pubsubctl(host, command, {"BOOKKEEPING_HOST": host.name, "BOOKKEEPING_AHEAD": str(host.ahead_s)})

    def _pubsubctl(self, host: Host, command: Sequence[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        self._processes_of[host.name] = process = host.start(
            [sys.executable, "-m", "pubsubctl", *command], self._environment | environment, self._log(host)
        )
        return process

    @staticmethod
    def _log(host: Host) -> Path:
        return host.folder / "pubsubctl.log"


def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether a condition came to hold in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
