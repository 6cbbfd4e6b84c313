"""What a sweeper has taken from the store: nobody else gets it for a while, and memory is not filled by it."""

import math
from collections.abc import Callable, Iterable

from pubsubctl.faults import point
from pubsubctl.store.base import PUBLISH_GRACE_S, Store
from pubsubctl.store.messages import Due

_FIRST_AT_ONCE, _MOST_AT_ONCE = 16, 500
_BYTES_AT_ONCE = 16_000_000
"""Of requests, about: how many jobs are taken at once follows from how large those before were."""


class Taking:
    """Takes due jobs of a topic, some at a time. Belongs to one thread.

    Args:
        max_crashes: attempts that may end without a record before their job is given up.
        clock: what tells how long something was taken; seconds that only rise.
    """

    def __init__(self, store: Store, topic: str, *, max_crashes: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._topic = topic
        self._max_crashes = max_crashes
        self._clock = clock
        self._limit = _FIRST_AT_ONCE
        self._taken: dict[str, Due] = {}
        self._until = -math.inf
        self.there_is_more = False
        """Whether the store had more the last time than could be taken at once."""

    def take(self) -> list[Due]:
        """What was taken and not let go, for as long as the store gives it to nobody else; else what is due now.

        Raises:
            StoreUnreachable: the store is away.
            StoreError: it refuses.
        """
        now = self._clock()
        if now >= self._until:
            self._taken.clear()
        if not self._taken:
            due = self._store.sweep(self._topic, limit=self._limit, max_crashes=self._max_crashes)
            self._taken = {item.job.id: item for item in due}
            self._until = now + PUBLISH_GRACE_S
            self.there_is_more = len(due) == self._limit
            self._limit = _next_limit(self._limit, due)
            if due:
                point("swept")
        return list(self._taken.values())

    def let_go(self, job_ids: Iterable[str]) -> list[Due]:
        """Those of the taken; ``take`` does not give them again, unless the store does."""
        return [self._taken.pop(job_id) for job_id in job_ids]


def _next_limit(limit: int, due: list[Due]) -> int:
    """How many jobs to take next, so that their requests fit into memory whatever their size."""
    size = sum(len(item.request.body) for item in due)
    if size > _BYTES_AT_ONCE:
        return max(1, len(due) * _BYTES_AT_ONCE // size)
    return min(_MOST_AT_ONCE, 2 * limit)
