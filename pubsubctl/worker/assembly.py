"""A worker's parts, and how they are put together."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pubsubctl.broker.connection import Connection, answers
from pubsubctl.broker.publish import Publisher
from pubsubctl.errors import ApplicationError, BrokerError
from pubsubctl.payloads.base import Payloads
from pubsubctl.store.base import Store
from pubsubctl.tracing.attempts import attempts
from pubsubctl.worker.condition import Pulse
from pubsubctl.worker.credence import Credence
from pubsubctl.worker.disposal import Disposal
from pubsubctl.worker.execution import Execution
from pubsubctl.worker.keeper import Keeper
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.notices import Notice, Notices, What
from pubsubctl.worker.outcome import max_crashes
from pubsubctl.worker.output import LogLines, write_through
from pubsubctl.worker.plan import Plan
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.puller import Puller
from pubsubctl.worker.rationing import RationedPool
from pubsubctl.worker.reconciler import Reconciler
from pubsubctl.worker.recorder import Recorder
from pubsubctl.worker.reload import Reloader, watched_folders
from pubsubctl.worker.spans import Spans
from pubsubctl.worker.stopping import StopConditions
from pubsubctl.worker.storeclock import StoreClock
from pubsubctl.worker.sweeper import Sweeper
from pubsubctl.worker.watchdog import jobs_wait

if TYPE_CHECKING:
    from pubsubctl.worker.health import Server


class Part(Protocol):
    """Something that runs beside the others, in threads of its own."""

    def start(self) -> None:
        """Begin. Called once, by the main thread."""

    def close(self, timeout_s: float) -> None:
        """End, within about ``timeout_s``; that it may never have been started does no harm."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A worker, put together.

    Attributes:
        loaded: set once a child has loaded the application.
        draining: to be set when the worker is told to end.
        lookouts: parts that live from the first moment to the last, such as the health server.
        sweepers: parts that publish, or read back, what no delivery brings.
        deciders: parts that end or change the worker; they end before all else.
        host_port: where health and metrics are served, if they are.
    """

    loaded: threading.Event
    draining: threading.Event
    meters: Meters
    execution: Execution
    pool: Pool
    recorder: Recorder
    keeper: Keeper
    puller: Puller
    lookouts: tuple[Part, ...]
    sweepers: tuple[Part, ...]
    deciders: tuple[Part, ...]
    host_port: str | None = None

    def begin(self) -> None:
        """Start the children, and what is needed before they can run jobs."""
        for part in (*self.lookouts, self.recorder):
            part.start()
        self.pool.start()
        for part in self.deciders:
            part.start()

    def serve(self) -> None:
        """Begin with jobs.

        Raises:
            StoreUnreachable: the store is away.
        """
        for part in (self.keeper, *self.sweepers):
            part.start()
        self.puller.start()


class Assembly:
    """Makes the parts of one worker; ``parts`` has them. None is started."""

    def __init__(
        self, plan: Plan, store: Store, connection: Connection, notices: Notices, payloads: Payloads | None = None
    ) -> None:
        self._plan = plan
        self._settings = plan.settings
        self._store = store
        self._connection = connection
        self._notices = notices
        self._meters = Meters()
        self._loaded = threading.Event()
        self._draining = threading.Event()
        self._reloader = Reloader(watched_folders(plan.app)) if plan.reload else None
        self._presence = Presence("the store is back")
        self._shared = {"broker": Presence("the broker is back"), "store": self._presence}
        self._recorder = Recorder(store, self._meters, presence=self._presence)
        self._clock = StoreClock(store.now)
        self._disposal = Disposal(
            payloads, store.store_id, store.response, lambda job_id: store.get([job_id]) != [None]
        )
        self._sweeper = self._make_sweeper()
        self._execution = self._make_execution()
        self._pool = self._make_pool()
        self._execution.attach(self._pool)
        if self._reloader is not None:
            self._reloader.attach(self._pool)
        self._pulse = Pulse()
        self._keeper = self._make_keeper()
        self._puller = self._make_puller()
        self.parts = self._make_parts()

    def _make_parts(self) -> Parts:
        deciders: list[Part] = [] if self._reloader is None else [self._reloader]
        if self._plan.limits:
            deciders.append(StopConditions(self._plan.limits, self._work(), self._enough))
        health = self._make_health()
        return Parts(
            loaded=self._loaded,
            draining=self._draining,
            meters=self._meters,
            execution=self._execution,
            pool=self._pool,
            recorder=self._recorder,
            keeper=self._keeper,
            puller=self._puller,
            lookouts=(health,) if health else (),
            sweepers=(
                self._sweeper,
                Reconciler(self._store, self._connection, self._settings, self._shared),
                self._disposal,
            ),
            deciders=tuple(deciders),
            host_port=health.address if health else None,
        )

    def _make_health(self) -> "Server | None":
        if self._settings.host_port is None:
            return None
        from pubsubctl.worker import health, lookout  # Flask and waitress, only for who asks

        seen = lookout.Parts(
            loaded=self._loaded.is_set,
            draining=self._draining.is_set,
            busy=lambda: self._execution.busy,
            held=lambda: self._puller.held,
            stream_trouble=lambda: self._puller.trouble,
            store_trouble=lambda: self._presence.trouble,
            writing_since=lambda: self._recorder.writing_since,
            keeper=self._pulse,
        )
        view = lookout.view_of(self._plan.info(), self._store, self._settings.topic_path, self._meters, seen)
        return health.Server(view, self._settings.host_port)

    def _make_sweeper(self) -> Sweeper:
        settings = self._settings
        return Sweeper(
            self._store,
            Publisher(self._connection, settings.topic_path),
            Publisher(self._connection, settings.dead_letter_topic_path),
            topic=settings.topic_path,
            result_ttl_s=settings.result_ttl,
            max_crashes=max_crashes(settings.retry_on),
            shared=self._shared,
            disposal=self._disposal,
            believed=Credence(lambda: self._keeper.renewed_at, settings.lease / 3).holds,
        )

    def _make_execution(self) -> Execution:
        settings = self._settings
        traced = attempts(
            topic=settings.topic_path,
            subscription=settings.subscription_path,
            worker=self._plan.worker_id,
            broker=self._connection.place,
        )
        return Execution(
            self._plan.terms(self._store.store_id),
            self._recorder,
            on_loaded=self._on_loaded,
            on_dead_letter=self._sweeper.hurry,
            on_dropped=self._disposal.response,
            on_failure=self._failing(ApplicationError) if self._reloader is None else self._reloader.failed,
            meters=self._meters,
            spans=Spans(traced),
            clock=self._clock.now,
        )

    def _make_pool(self) -> Pool:
        settings, most = self._settings, self._plan.limits.max_jobs
        kind = Pool if most is None else RationedPool
        pool = kind(
            self._plan.app,
            self._execution,
            processes=settings.process_count,
            threads=settings.threads,
            meters=self._meters,
            max_jobs_per_child=settings.max_jobs_per_child,
            max_memory_per_child=settings.max_memory_per_child,
            payloads=self._plan.payloads(self._store.store_id),
            on_dropped=self._disposal.response,
            output=LogLines() if settings.log_format == "json" else write_through,
        )
        if isinstance(pool, RationedPool) and most is not None:
            pool.left = most
        return pool

    def _make_keeper(self) -> Keeper:
        return Keeper(
            self._store,
            self._pool,
            self._plan.info(),
            lease_s=self._settings.lease,
            lost=self._execution.lost,
            tick=self._pulse.around(self._execution.tick),
            held=lambda: self._puller.waiting,
            look=self._clock.look,
            presence=self._presence,
        )

    def _make_puller(self) -> Puller:
        settings = self._settings
        return Puller(
            self._connection,
            settings.subscription_path,
            self._execution,
            gears=self._plan.gears(),
            most_deliveries=self._plan.most_deliveries,
            lease_s=settings.lease,
            drain_timeout_s=settings.drain_timeout,
            on_hopeless=self._failing(BrokerError, "the broker ends the stream: "),
            meters=self._meters,
            broker=self._shared["broker"],
            waiting=jobs_wait(self._store, settings.topic_path, settings.subscription_path, lease_s=settings.lease),
        )

    def _work(self) -> "_Work":
        return _Work(
            self._settings.topic_path,
            self._store,
            self._connection,
            self._execution,
            self._pool,
            self._recorder,
            self._puller,
            self._meters,
        )

    def _on_loaded(self) -> None:
        self._loaded.set()
        if self._reloader is not None:
            self._reloader.loaded()
        self._notices.put(Notice(What.LOADED))

    def _failing(self, error: type[ApplicationError | BrokerError], prefix: str = "") -> Callable[[str], None]:
        return lambda text: self._notices.put(Notice(What.FAILED, prefix + text, error))

    def _enough(self, why: str) -> None:
        self._notices.put(Notice(What.ENOUGH, why))


@dataclass(frozen=True)
class _Work:
    """See ``stopping.Work``."""

    topic: str
    store: Store
    connection: Connection
    execution: Execution
    pool: Pool
    recorder: Recorder
    puller: Puller
    meters: Meters

    def idle(self) -> bool:
        # With room in the pool and a store that answers, no delivery waits to be claimed.
        return not self.execution.busy and self.recorder.available and self.pool.room() > 0

    def answered(self) -> int:
        return self.meters.attempts.total() + self.meters.refusals.total()

    def used_up(self) -> bool:
        return isinstance(self.pool, RationedPool) and self.pool.used_up and not self.execution.busy

    def pending(self, within_s: float) -> int:
        return self.store.pending(self.topic, within_s=within_s)

    def broker_answers(self) -> bool:
        return answers(self.connection.address)

    def listens(self) -> bool:
        return self.puller.listens
