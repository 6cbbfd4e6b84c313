"""What jobs need on this machine: a folder with settings, the commands, a worker; and what they leave in the store."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pubsubctl.client import Client
from pubsubctl.errors import UsageError
from pubsubctl.job import FINISHED, JobState
from pubsubctl.sandbox.process import WorkerProcess
from pubsubctl.settings import FILE, Settings
from pubsubctl.state import State
from smoking.checking import CheckFailed, Limit
from smoking.smoke_app import RUNS
from smoking.terms import Terms

_APP = Path(__file__).with_name("smoke_app.py")
_READY = "worker ready in"
_LOOK_S, _STOP_S = 0.1, 15.0
_LEASE_S, _PROCESSES = 10, 2
_UNFINISHED = [state for state in JobState if state not in FINISHED]


@dataclass(frozen=True)
class Run:
    """One run of the application: of which job, which attempt, and when, in seconds since the epoch."""

    job_id: str
    attempt: int
    at: float


class Ground:
    """A project's folder, as a user has one.

    Args:
        terms: what is asked for.
        folder: where; it has to be there, and empty.

    Raises:
        UsageError: something that was asked for cannot be used.
    """

    def __init__(self, terms: Terms, folder: Path) -> None:
        self.folder = folder
        self._terms = terms
        self._workers: list[WorkerProcess] = []
        self._client: Client | None = None
        if not terms.emulator and "PUBSUB_EMULATOR_HOST" in os.environ:
            raise UsageError("PUBSUB_EMULATOR_HOST names an emulator; unset it, or name that one with --emulator")
        State(folder / ".pubsubctl").create()
        (folder / FILE).write_text(_settings(terms))
        self._environment = _environment(terms)
        loaded = Settings.load({}, environ=self._environment, start=folder)
        self.settings = replace(loaded, sources=dict(map(_named, loaded.sources.items())))

    def open_store(self) -> None:
        """Make the store, or find it.

        Raises:
            StoreUnreachable: it is away.
            UsageError: there is none of that kind, or a package for it is not installed.
        """
        self._client = Client(self.settings)

    @property
    def client(self) -> Client:
        """Of the jobs, once the store is open."""
        assert self._client is not None
        return self._client

    @property
    def mark(self) -> str:
        """What the path of every job ends with, so that they are known from others in the store."""
        return f"?run={self._terms.prefix}"

    @property
    def runs(self) -> list[Run]:
        """Of the application, in the order in which they began."""
        path = self.folder / "runs"
        lines = path.read_text().splitlines() if path.exists() else []
        return [Run(job, int(attempt), float(at)) for job, attempt, at in map(str.split, lines)]

    def command(self, limit: Limit, *words: str) -> str:
        """Run `pubsubctl` with these arguments, to its end; what it printed.

        Raises:
            CheckFailed: it did not end well; the text has its last line.
        """
        what = f"pubsubctl {words[0]}"
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "pubsubctl", *words],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us
        ) as process:
            try:
                out, err = _ended(process, limit, what)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise CheckFailed(f"{what} ended with status {process.returncode}: {_last(err)}")
        return out

    def start_worker(self, limit: Limit) -> float:
        """Start a worker; the seconds until it was ready.

        Raises:
            ApplicationError: it has ended.
        """
        began = time.monotonic()
        worker = WorkerProcess(
            str(_APP),
            [],
            settings=self.settings,
            folder=self.folder,
            environment={RUNS: str(self.folder / "runs")},
            log=self.folder / f"worker-{len(self._workers)}.log",
        )
        self._workers.append(worker)
        while _READY not in worker.log.read_text(errors="replace"):
            worker.check()
            limit.pause(_LOOK_S, "a worker that is ready")
        return time.monotonic() - began

    def check_worker(self) -> None:
        """See that there is a worker.

        Raises:
            ApplicationError: it has ended.
            CheckFailed: none was started.
        """
        if not self._workers:
            raise CheckFailed("there is no worker")
        self._workers[-1].check()

    def kill_worker(self) -> None:
        """SIGKILL."""
        os.kill(self._workers[-1].pid, signal.SIGKILL)

    def close(self) -> None:
        """End the workers, and take the jobs out of a store that is not our own."""
        for worker in self._workers:
            worker.stop(_STOP_S)
        if self._client is not None:
            if self._terms.store is not None and not self._terms.keep:
                _forget(self._client, self.mark, [worker.pid for worker in self._workers])
            self._client.close()


def _settings(terms: Terms) -> str:
    """As pubsubctl.toml has them. Leases are as short as they may be, so that nobody waits for long."""
    values: dict[str, str | int | None] = {
        "broker": None if terms.emulator else "cloud",
        "emulator_host": terms.emulator,
        "project": terms.project,
        "credentials_file": terms.credentials_file,
        "impersonate_service_account": terms.impersonate_service_account,
        "endpoint": terms.endpoint,
        "store": terms.store or "jobs.db",
        "topic": terms.prefix,
        "subscription": terms.prefix,
        "dead_letter_topic": f"{terms.prefix}-dead",
        "dead_letter_subscription": f"{terms.prefix}-dead",
        "ack_deadline": _LEASE_S,
        "lease": _LEASE_S,
        "processes": _PROCESSES,
        "drain_timeout": 5,
    }
    return "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items() if value is not None
    )


def _named(source: tuple[str, str]) -> tuple[str, str]:
    """A setting, and the option of ours by which it came."""
    key = source[0]
    return key, "--emulator" if key == "emulator_host" else f"--{key.replace('_', '-')}"


def _environment(terms: Terms) -> dict[str, str]:
    """Of the commands: nothing of the user's own settings, which are for other topics."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PUBSUBCTL_")}
    if terms.emulator:
        kept.pop("PUBSUB_EMULATOR_HOST", None)
    return kept


def _ended(process: subprocess.Popen[str], limit: Limit, what: str) -> tuple[str, str]:
    while True:
        try:
            return process.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            limit.go_on(f"the end of {what}")


def _last(err: str) -> str:
    lines = err.strip().splitlines()
    return lines[-1].removeprefix("pubsubctl: ") if lines else "it said nothing"


def _forget(client: Client, mark: str, pids: Sequence[int]) -> None:
    store, path = client.store, f"*{mark}"
    while jobs := store.find(states=_UNFINISHED, path=path, limit=1000).jobs:
        store.cancel([job.id for job in jobs])
    while jobs := store.find(path=path, limit=1000).jobs:
        client.bodies.delete(store.delete([job.id for job in jobs]).with_payloads)
    for worker in store.workers():
        if worker.pid in pids and worker.host == socket.gethostname():
            store.retire(worker.id)
