"""RQ on Redis."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racing.contestant import Runner
from racing.noop import answer
from racing.processes import running
from racing.redis_server import redis

_AT_ONCE = 1_000


class RqRunner(Runner):
    """As many workers as processes: one of RQ's runs one job at a time."""

    def __init__(self, queue: Any, workers: Sequence[int], server: int) -> None:
        self.workers = workers
        self.server = server
        self._queue = queue

    def many(self, numbers: Sequence[int], timeout_s: float) -> Iterator[tuple[int, str]]:
        """``enqueue_many``, a thousand in a pipeline; then one result after the other, with a wait that blocks."""
        give_up = time.monotonic() + timeout_s
        jobs: list[Any] = []
        for start in range(0, len(numbers), _AT_ONCE):
            some = [self._queue.prepare_data(answer, args=(number,)) for number in numbers[start : start + _AT_ONCE]]
            jobs += self._queue.enqueue_many(some)
        for number, job in zip(numbers, jobs, strict=True):
            if (text := _text(job, give_up - time.monotonic())) is not None:
                yield number, text

    def one(self, number: int, timeout_s: float) -> str:
        """``enqueue``, then the same."""
        return str(_text(self._queue.enqueue(answer, number), timeout_s))


def _text(job: Any, timeout_s: float) -> str | None:
    """What a job returned, or what it raised; None if that does not come in time."""
    # Nought would be: do not wait; and there is no less than a second.
    result = job.latest_result(timeout=max(1, int(timeout_s))) if timeout_s > 0 else job.latest_result()
    if result is None:
        return None
    return str(result.return_value or (result.exc_string or "nothing").strip().splitlines()[-1])


@dataclass(frozen=True)
class StartRq:
    """``rq worker``, as many as processes.

    Attributes:
        worker_class: the class of its workers: ``rq.Worker`` forks for each job, ``rq.SimpleWorker`` does not.
        durable: whether Redis writes everything at once.
    """

    worker_class: str
    durable: bool = False

    @contextmanager
    def __call__(self, folder: Path, processes: int) -> Iterator[Runner]:
        """Redis and the workers."""
        from redis import Redis
        from rq import Queue

        with ExitStack() as stack:
            server = stack.enter_context(redis(folder, durable=self.durable))
            command = [sys.executable, "-m", "rq.cli", "worker", "--url", server.url, "--quiet"]
            options = ["--worker-class", self.worker_class, "--disable-job-desc-logging"]
            started = [
                stack.enter_context(running([*command, *options], folder / f"rq-{number}"))
                for number in range(processes)
            ]
            connection = stack.enter_context(Redis.from_url(server.url))
            yield RqRunner(Queue(connection=connection), [process.pid for process in started], server.pid)
