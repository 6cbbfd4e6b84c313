"""pubsubctl: ``Client.submit_many``, the embedded broker, ``worker start``, a Flask app, the store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pubsubctl.client import Client
from pubsubctl.emulator import daemon
from pubsubctl.errors import WaitTimeout
from pubsubctl.exchange import Response
from pubsubctl.sandbox import Sandbox
from pubsubctl.state import State
from racing.contestant import Runner
from racing.interrupts import undisturbed

APP = "racing.app:app"


class PubsubctlRunner(Runner):
    """A worker with its children, and the client of its store."""

    def __init__(self, client: Client, worker: int, server: int) -> None:
        self.workers = [worker]
        self.parent = worker
        self.server = server
        self._client = client

    def many(self, numbers: Sequence[int], timeout_s: float) -> Iterator[tuple[int, str]]:
        """In bulk."""
        jobs = self._client.submit_many({"path": f"/{number}"} for number in numbers)
        number_of = {job.id: number for job, number in zip(jobs, numbers, strict=True)}
        try:
            for job, response in self._client.results(map(self._client.job, number_of), timeout_s):
                yield number_of[job.id], _text(response)
        except WaitTimeout:
            return

    def one(self, number: int, timeout_s: float) -> str:
        """As in ``README``: ``submit``, then ``result``."""
        job = self._client.submit("GET", f"/{number}")
        return _text(job.result(timeout_s))


def _text(response: Response | None) -> str:
    if response is None:
        return "no response"
    return response.body.decode() if response.status == 200 else f"HTTP {response.status}"  # noqa: PLR2004


class StartPubsubctl:
    """``worker start`` with these flags."""

    def __init__(self, *flags: str) -> None:
        self._flags = flags

    @contextmanager
    def __call__(self, folder: Path, processes: int) -> Iterator[Runner]:
        """An emulator and a worker in a temporary folder of theirs."""
        del folder
        flags = ["--processes", str(processes), "--drain-timeout", "1", *self._flags]
        with undisturbed(Sandbox(APP, flags=flags)) as sandbox:
            emulator = daemon.find(State(sandbox.folder / ".pubsubctl"))
            assert emulator is not None
            yield PubsubctlRunner(sandbox.client, sandbox.worker.pid, emulator.pid)
