"""Keeps the store's leases of what runs, passes progress on, tells what is ours no more.

The leases at the broker are kept by ``Leases``, in a thread that no store can block. What runs too long is stopped by
the pool, however long the store takes to answer.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from pubsubctl.errors import PubsubctlError
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Lease, WorkerInfo
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_TICK_S = 0.25
_LOOK_S = 0.75
"""How often jobs that have been here for a while are checked for a cancellation, all of them in one call: those that
run, and those that wait for a slot behind a long one, which are to begin no more."""
_A_WHILE_S = 0.25


class Keeper:
    """A thread that looks after what runs.

    Args:
        lost: told which attempts are not ours any more.
        held: how many messages this worker has beyond those of the jobs that it runs.
        tick: called every quarter of a second.
        clock: what tells when leases are to be renewed; seconds that only rise.
        look: called as often as ``tick``, where the store could be written to; may ask it something.
        presence: where it is told whether the store is there, for whoever else needs it.
    """

    def __init__(
        self,
        store: Store,
        pool: Pool,
        info: WorkerInfo,
        *,
        lease_s: float,
        lost: Callable[[list[Task]], None],
        tick: Callable[[], None],
        held: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
        look: Callable[[], None] = lambda: None,
        presence: Presence | None = None,
    ) -> None:
        self._store = store
        self._pool = pool
        self._info = info
        self._lease_s = lease_s
        self._lost = lost
        self._tick = tick
        self._held = held
        self._clock = clock
        self._look = look
        self._renewed_at = 0.0
        self._looked_at = 0.0
        self._since: dict[Task, float] = {}  # when those that are here were seen first
        self._failed = False
        self._presence = presence or Presence("the store is back")
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    @property
    def renewed_at(self) -> float:
        """When all leases were renewed last, by the clock."""
        return self._renewed_at

    def start(self) -> None:
        """Begin, with a first heartbeat that makes the worker known.

        Raises:
            StoreUnreachable: the store is away.
        """
        self._store.heartbeat(self._seen(0), [], lease_s=self._lease_s)
        self._renewed_at = self._clock()
        self._thread.start()

    def close(self, timeout_s: float = 30.0) -> None:
        """End; leases run on for as long as they were last renewed."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closed.wait(_TICK_S):
            tasks = self._pool.tasks()
            try:
                self._renew(tasks)
                self._look()
            except PubsubctlError as error:
                self._failed = True
                self._presence.missed_by("keeper", f"leases cannot be renewed while the store is away: {error}")
            else:
                self._presence.found_by("keeper")
            self._tick()

    def _renew(self, tasks: list[Task]) -> None:
        """Write what has to be written now: all leases in good time, the rest where there is something to say.

        What could not be written is tried again at the next tick; so that the store is not taken for being back when
        there is nothing left to write, all leases are.
        """
        now = self._clock()
        self._since = {task: self._since.get(task, now) for task in tasks}
        if self._failed or now - self._renewed_at >= self._lease_s / 3:
            self._write(tasks, tasks)
            self._failed = False
            self._renewed_at = self._looked_at = now
        elif now - self._looked_at >= _LOOK_S:
            lasting = [task for task in tasks if task.progress or now - self._since[task] > _A_WHILE_S]
            if lasting or self._has_become_idle(tasks):
                self._write(lasting, tasks)
            self._looked_at = now
        elif reporting := [task for task in tasks if task.progress]:
            self._write(reporting, tasks)

    def _has_become_idle(self, tasks: list[Task]) -> bool:
        """Whether others have been told last that it had something, which they would believe for a third of a lease."""
        return not tasks and bool(self._info.busy or self._info.held) and not self._held()

    def _seen(self, busy: int) -> WorkerInfo:
        self._info = replace(self._info, busy=busy, held=self._held())
        return self._info

    def _write(self, chosen: list[Task], tasks: list[Task]) -> None:
        busy = sum(1 for task in tasks if task.began_at)
        reported = [task.progress for task in chosen]
        leases = [
            Lease(task.job_id, task.claimed.attempt, *(progress or (None, None)))
            for task, progress in zip(chosen, reported, strict=True)
        ]
        lost = self._store.heartbeat(self._seen(busy), leases, lease_s=self._lease_s)
        for task, progress in zip(chosen, reported, strict=True):
            if task.progress is progress:  # the application may have reported more meanwhile
                task.progress = None
        if lost:
            gone = {(lease.job_id, lease.attempt) for lease in lost}
            self._lost([task for task in chosen if (task.job_id, task.claimed.attempt) in gone])
