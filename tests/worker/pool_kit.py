"""Pools of real children for tests, and an ear for what they tell."""

import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from project import wait_for

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Request
from pubsubctl.store.claims import Claimed
from pubsubctl.worker.outcome import Answered, Ending
from pubsubctl.worker.output import Output
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.task import Task

HERE = Path(__file__).parent


class Listener:
    """Keeps what a pool tells."""

    def __init__(self) -> None:
        self.ends: queue.SimpleQueue[tuple[Task, Ending]] = queue.SimpleQueue()
        self.interruptions: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.failures: queue.SimpleQueue[ApplicationError] = queue.SimpleQueue()
        self.children = 0
        self.loaded_at = 0.0

    def loaded(self) -> None:
        self.children += 1
        self.loaded_at = time.monotonic()

    def room_made(self) -> None:
        pass

    def ended(self, endings: Sequence[tuple[Task, Ending]]) -> None:
        for ended in endings:
            self.ends.put(ended)

    def interrupted(self, task: Task) -> None:
        self.interruptions.put(task)

    def stopped(self, task: Task) -> None:
        pass

    def failed(self, error: ApplicationError) -> None:
        self.failures.put(error)

    def next_end(self) -> tuple[Task, Ending]:
        return self.ends.get(timeout=20)

    def end_of(self, task: Task) -> Ending:
        """How the next job that ends has ended, which is this one."""
        ended, ending = self.next_end()
        assert ended is task
        return ending

    def answer_of(self, task: Task) -> Answered:
        """What the next job that ends has answered, which is this one."""
        ending = self.end_of(task)
        assert isinstance(ending, Answered), ending
        return ending


class Kept(Output):
    """An output that keeps what it is given."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.jobs: set[tuple[str, ...]] = set()

    def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:
        self.data += data
        self.jobs.add(tuple(task.job_id for task in tasks))


class Pools:
    def __init__(self) -> None:
        self.open: list[Pool] = []

    def __call__(
        self, app: str = "testapp:app", *, processes: int = 1, threads: int = 1, **more: Any
    ) -> tuple[Pool, Listener]:
        listener = Listener()
        pool = Pool(app, listener, processes=processes, threads=threads, **more)
        self.open.append(pool)
        pool.start()
        return pool, listener


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pools]:
    """Pools that are stopped in the end; children find the applications of this folder."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    pools = Pools()
    yield pools
    for pool in pools.open:
        pool.stop()


def task(path: str, job_id: str = "j", attempt: int = 1, **more: Any) -> Task:
    return Task(Claimed(job_id, attempt, 0, 5), Request.of("GET", path), **more)


def code(text: str, job_id: str = "j", **more: Any) -> Task:
    """A job that runs this code; what it calls ``answer`` is answered."""
    return Task(Claimed(job_id, 1, 0, 5), Request.of("POST", "/", (), text.encode()), **more)


def ready(pool: Pool, listener: Listener, children: int = 1) -> None:
    wait_for(lambda: listener.children >= children, what=f"{children} children have loaded the application")


def begun(*tasks: Task) -> None:
    wait_for(lambda: all(task.began_at is not None for task in tasks), what="the jobs have begun")


def alive(pid: int) -> bool:
    """Whether a process runs: one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def pid_in(file: Path) -> int:
    """The process that has written its id there."""
    wait_for(lambda: file.exists() and file.read_text().endswith("\n"), what="the process has told its id")
    return int(file.read_text())
