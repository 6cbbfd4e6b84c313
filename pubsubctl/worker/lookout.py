"""What the health server is told about a worker's parts."""

from collections.abc import Callable
from dataclasses import dataclass

from pubsubctl.job import Job
from pubsubctl.store.base import Store
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.worker.condition import Condition, Pulse, View, holds, lately, lives, unstuck
from pubsubctl.worker.meters import Meters

_THREADS = ("pool", "recorder", "keeper", "sweeper", "puller", "leases")
_KEEPER_STILL_S = 60.0
"""A keeper looks four times a second; with a store that takes its time, less often. A lease lasts as long as this."""
_RECORDER_AT_ONE_S = 120.0
"""A store that is away is found out, and tried again, much sooner."""
_SLOW_S = 10.0
"""With a store that lets a write wait for so long, no job can be begun in good time."""
_SOON_S = 60.0
"""About the time that another worker takes to be there."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What is asked of the parts. All of it may be called by any thread at any time, and returns at once.

    Attributes:
        loaded: whether a child has loaded the application.
        draining: whether the worker was told to stop.
        busy: how many jobs run.
        held: how many messages are leased.
        stream_trouble: why nothing can be pulled, or None.
        store_trouble: why the store cannot be used, or None.
        writing_since: when the recorder began the write that it is at, by ``time.monotonic``; None while there is none.
        keeper: beats with each of the keeper's rounds.
    """

    loaded: Callable[[], bool]
    draining: Callable[[], bool]
    busy: Callable[[], int]
    held: Callable[[], int]
    stream_trouble: Callable[[], str | None]
    store_trouble: Callable[[], str | None]
    writing_since: Callable[[], float | None]
    keeper: Pulse


def view_of(info: WorkerInfo, store: Store, topic: str, meters: Meters, parts: Parts) -> View:
    """A worker of a topic, as it is seen from outside."""
    return View(
        worker=info.id,
        app=info.app,
        slots=info.slots,
        meters=meters,
        busy=parts.busy,
        held=parts.held,
        draining=parts.draining,
        alive=(
            *map(lives, _THREADS),
            lately("keeper", lambda: parts.keeper.at, most_s=_KEEPER_STILL_S),
            unstuck("recorder", parts.writing_since, most_s=_RECORDER_AT_ONE_S),
        ),
        ready=(
            holds("app", parts.loaded, otherwise="the app is not loaded yet"),
            Condition("broker", parts.stream_trouble),
            Condition("store", parts.store_trouble),
            lately("keeper", lambda: parts.keeper.at, most_s=_SLOW_S),
            unstuck("recorder", parts.writing_since, most_s=_SLOW_S),
        ),
        job=lambda job_id: _job(store, job_id),
        backlog=lambda: store.pending(topic, within_s=_SOON_S),
    )


def _job(store: Store, job_id: str) -> Job | None:
    return store.get([job_id])[0]
