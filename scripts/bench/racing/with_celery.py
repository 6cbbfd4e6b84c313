"""Celery on Redis."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racing.contestant import Runner
from racing.processes import running
from racing.redis_server import redis
from racing.tasks import VARIABLE, tasks_at

_TASKS = "racing.celery_tasks"
_LESS = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
_EVERY_S = 0.1


class CeleryRunner(Runner):
    """Its workers, and the application to send them tasks."""

    def __init__(self, tasks: Any, workers: Sequence[int], server: int) -> None:
        self.workers = workers
        self.server = server
        self._tasks = tasks

    def many(self, numbers: Sequence[int], timeout_s: float) -> Iterator[tuple[int, str]]:
        """Sent through one producer; results by the call that gets many at once, which is quicker than ``join``."""
        from celery.exceptions import TimeoutError as Late

        app, noop = self._tasks.app, self._tasks.noop
        with app.producer_pool.acquire(block=True) as producer:
            sent = [noop.apply_async((number,), producer=producer) for number in numbers]
        number_of = {result.id: number for result, number in zip(sent, numbers, strict=True)}
        try:
            for task_id, meta in app.backend.get_many(set(number_of), timeout=timeout_s, interval=_EVERY_S):
                yield number_of[task_id], str(meta["result"])
        except Late:
            return

    def one(self, number: int, timeout_s: float) -> str:
        """As its guide has it."""
        return str(self._tasks.noop.delay(number).get(timeout=timeout_s))


@dataclass(frozen=True)
class StartCelery:
    """``celery worker`` with Redis as broker and as result backend.

    Attributes:
        pool: ``prefork``, one worker with a pool of processes; or ``solo``, as many workers that have none.
        durable: whether Redis writes everything at once.
    """

    pool: str
    durable: bool = False

    @contextmanager
    def __call__(self, folder: Path, processes: int) -> Iterator[Runner]:
        """Redis and the workers."""
        workers, slots = (1, processes) if self.pool == "prefork" else (processes, 1)
        command = [sys.executable, "-m", "celery", "--app", _TASKS, "worker", *_LESS]
        options = ["--pool", self.pool, "--concurrency", str(slots)]
        with ExitStack() as stack:
            server = stack.enter_context(redis(folder, durable=self.durable))
            environment = {VARIABLE: server.url}
            started = [
                stack.enter_context(running([*command, *options, "-n", name], folder / name, environment=environment))
                for name in (f"celery-{number}@racing" for number in range(workers))
            ]
            tasks = tasks_at(_TASKS, server.url)
            stack.callback(tasks.app.close)
            # A result that was not waited for unsubscribes when it is collected: not from a Redis that is gone.
            stack.callback(tasks.app.backend.result_consumer.subscribed_to.clear)
            yield CeleryRunner(tasks, [process.pid for process in started], server.pid)
