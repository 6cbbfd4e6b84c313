"""What ended longer ago than results are kept is forgotten, some at a time: others write too."""

import math
import time
from collections.abc import Callable

from pubsubctl.store.base import Store
from pubsubctl.worker.disposal import Disposal

_PERIOD_S = 60.0
_ORPHANS_S = 300.0
"""How often a part of the payload place is looked at: one worker alone comes to each of the 256 once a day, about."""
_AT_ONCE = 100
"""Jobs of a transaction: as many as take some milliseconds."""
_TURN_S = 0.1
"""How long it may go on at a time; what is due is looked up in between."""
_STAYS_FREE = 0.25
"""The share of the store that stays free for the jobs that come; the disk gets back what is beyond it."""


class Forgetting:
    """Purges now and then. Any number of workers may do so at the same time. Belongs to one thread.

    Args:
        result_ttl_s: how long results are kept.
        clock: seconds that only rise.
        pause: lets others write.
        disposal: deletes the bodies of jobs that were kept apart.
    """

    def __init__(
        self,
        store: Store,
        result_ttl_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        disposal: Disposal | None = None,
    ) -> None:
        self._store = store
        self._result_ttl_s = result_ttl_s
        self._clock = clock
        self._pause = pause
        self._disposal = disposal
        self._next_at = self._orphans_at = -math.inf

    def some(self) -> None:
        """Forget some, if it is time for it, and then give back room; what is left is for the next call.

        Raises:
            StoreUnreachable: the store is away.
            StoreError: it refuses.
        """
        began = self._clock()
        if began < self._next_at or (self._disposal is not None and self._disposal.busy):
            return  # it is not time, or the bodies of those that went before are still to follow them
        while self._step():
            if self._clock() - began >= _TURN_S:
                return
        self._next_at = began + _PERIOD_S
        if self._disposal is not None and began >= self._orphans_at:
            self._disposal.look_for_orphans(self._store)
            self._orphans_at = began + _ORPHANS_S

    def _step(self) -> bool:
        """A transaction, and a pause as long as it took; whether there is more to do."""
        began = self._clock()
        deleted = self._store.purge(older_than_s=self._result_ttl_s, limit=_AT_ONCE)
        if self._disposal is not None:
            self._disposal.jobs(deleted.with_payloads)
        more = deleted.count == _AT_ONCE or self._store.reclaim(keep=_STAYS_FREE)
        if more:
            self._pause(self._clock() - began)
        return more
