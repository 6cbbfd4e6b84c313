"""A pool that begins only so many attempts, for ``--max-jobs``."""

import math
from collections.abc import Iterable

from pubsubctl.worker.outcome import Ending
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.task import Task


class RationedPool(Pool):
    """Begins at most ``left`` attempts more; what it is given beyond that it gives back.

    Attributes:
        left: set it before the pool is started.
    """

    left: float = math.inf

    @property
    def used_up(self) -> bool:
        """Whether every attempt that it may begin has ended."""
        with self._lock:
            return self.left <= 0 and not self.tasks()

    def room(self) -> int:
        """See ``Pool.room``."""
        with self._lock:
            return int(min(super().room(), self.left))

    def run(self, tasks: Iterable[Task]) -> None:
        """See ``Pool.run``."""
        with self._lock:
            given = list(tasks)
            # Two claims may have been asked for at the same time, each for the room that there was.
            allowed = int(min(len(given), self.left))
            self.left -= allowed
            super().run(given[:allowed])
        for task in given[allowed:]:
            self._events.interrupted(task)

    def kill(self, task: Task, ending: Ending | None) -> bool:
        """See ``Pool.kill``; what had not begun leaves room for another."""
        with self._lock:
            begun = task.began_at is not None
            killed = super().kill(task, ending)
            self.left += killed and not begun
            return killed

    def take_waiting(self) -> list[Task]:
        """See ``Pool.take_waiting``, by which ``take_back`` takes, too."""
        with self._lock:
            taken = super().take_waiting()
            self.left += len(taken)
            return taken
