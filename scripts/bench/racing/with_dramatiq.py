"""Dramatiq on Redis."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racing.contestant import Runner
from racing.processes import running
from racing.redis_server import redis
from racing.tasks import VARIABLE, tasks_at

_TASKS = "racing.dramatiq_tasks"
_THREADS = 16
_PREFETCH = 1_000


class DramatiqRunner(Runner):
    """One worker with its processes, in which jobs run in threads."""

    def __init__(self, tasks: Any, worker: int, server: int) -> None:
        self.workers = [worker]
        self.server = server
        self._tasks = tasks

    def many(self, numbers: Sequence[int], timeout_s: float) -> Iterator[tuple[int, str]]:
        """As a group, whose results are waited for one after the other, as ``group.get_results`` does."""
        from dramatiq.results.errors import ResultError, ResultFailure

        give_up = time.monotonic() + timeout_s
        group = self._tasks.dramatiq.group(self._tasks.noop.message(number) for number in numbers).run()
        for number, message in zip(numbers, group.children, strict=True):
            try:
                yield number, str(message.get_result(block=True, timeout=_ms(give_up - time.monotonic())))
            except ResultFailure as failure:
                yield number, str(failure)
            except ResultError:
                continue

    def one(self, number: int, timeout_s: float) -> str:
        """As its guide has it."""
        return str(self._tasks.noop.send(number).get_result(block=True, timeout=_ms(timeout_s)))


def _ms(seconds: float) -> int:
    return max(0, int(seconds * 1e3))


@dataclass(frozen=True)
class StartDramatiq:
    """``dramatiq`` with Redis as broker and for results.

    Attributes:
        durable: whether Redis writes everything at once.
    """

    durable: bool = False

    @contextmanager
    def __call__(self, folder: Path, processes: int) -> Iterator[Runner]:
        """Redis and one worker."""
        command = [sys.executable, "-m", "dramatiq", _TASKS]
        options = ["--processes", str(processes), "--threads", str(_THREADS)]
        with redis(folder, durable=self.durable) as server:
            environment = {VARIABLE: server.url, "dramatiq_queue_prefetch": str(_PREFETCH)}
            with running([*command, *options], folder / "dramatiq", environment=environment) as worker:
                tasks = tasks_at(_TASKS, server.url)
                try:
                    yield DramatiqRunner(tasks, worker.pid, server.pid)
                finally:
                    tasks.broker.close()
