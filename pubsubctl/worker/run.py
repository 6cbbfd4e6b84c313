"""A worker as a whole: put together, watched over, taken apart in the order that loses nothing."""

import logging
import os
import queue
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Publisher
from pubsubctl.broker.refusals import translated
from pubsubctl.errors import ApplicationError, BrokerError, PubsubctlError, ResourceNotFound
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store, WorkerInfo
from pubsubctl.store.opening import open_store
from pubsubctl.worker import application
from pubsubctl.worker.delivery import Terms
from pubsubctl.worker.execution import Execution
from pubsubctl.worker.keeper import Keeper
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.puller import Puller
from pubsubctl.worker.recorder import Recorder
from pubsubctl.worker.sweeper import Sweeper

_log = logging.getLogger("pubsubctl.worker")

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_OURS = frozenset({"recorder", "pool", "keeper", "sweeper", "puller", "stopping"})
_LAST_ACKS_S = 5.0
_ENDING_S = 10.0
_NACK_PAUSE_S = 1.0


@dataclass(frozen=True)
class Started:
    """What a worker runs, once its application is loaded."""

    worker_id: str
    app: str
    broker: str
    place: str
    topic: str
    subscription: str
    processes: int
    threads: int
    prefetch: int
    store: str


@dataclass(frozen=True)
class _Event:
    """Something that the main thread has to act on."""

    kind: str  # "signal", "loaded", "failed", "stopped"
    text: str = ""
    error: type[PubsubctlError] = PubsubctlError


class Worker:
    """One parent with its children. ``run`` blocks the main thread until a signal has been obeyed."""

    def __init__(self, settings: Settings, app: str | None = None) -> None:
        self._settings = settings
        self._app = application.target(app or settings.app)
        self._id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()

    def run(self, on_started: Callable[[Started], None] = lambda _: None) -> None:
        """Run jobs until SIGTERM or SIGINT; then drain, and return when nothing is left in hand.

        Args:
            on_started: called once, when the application is loaded and jobs can run.

        Raises:
            ApplicationError: the application cannot be loaded.
            BrokerUnreachable: no broker, at the start.
            ResourceNotFound: there is no such subscription.
            StoreUnreachable: no store, at the start.
        """
        with open_store(self._settings.store_url) as store, Connection(self._settings) as connection:
            connection.check()
            parts = self._assemble(store, connection, nack_pause_s=self._nack_pause(connection))
            with self._signals(), self._thread_failures():
                self._run(parts, store, connection, on_started)

    def _run(
        self, parts: "_Parts", store: Store, connection: Connection, on_started: Callable[[Started], None]
    ) -> None:
        failure: _Event | None = None
        try:
            parts.recorder.start()
            parts.pool.start()
            failure = self._wait_for("loaded")
            if failure is None:
                parts.keeper.start()
                parts.sweeper.start()
                parts.puller.start()
                on_started(self._describe(connection))
                failure = self._wait_for("signal")
        finally:
            self._take_apart(parts, store)
        if failure is not None and failure.kind == "failed":
            raise failure.error(failure.text)

    def _wait_for(self, kind: str) -> _Event | None:
        """The first failure or signal before ``kind`` comes; None once it has."""
        while True:
            event = self._events.get()
            if event.kind == kind:
                return None
            if event.kind in ("failed", "signal"):
                return event

    def _take_apart(self, parts: "_Parts", store: Store) -> None:
        # The puller first: until it has returned, the client keeps every lease and sends every ack, and everything
        # else is needed to end what runs. Only then the children; then whatever writes, the sweeper last, since it
        # publishes what was given up. Nothing here may take for ever: a broker or a store may be away.
        self._stop_pulling(parts)
        parts.pool.stop()
        deadline = time.monotonic() + _ENDING_S
        for part in (parts.keeper, parts.recorder, parts.sweeper):
            part.close(max(0.0, deadline - time.monotonic()))
        if not parts.recorder.available:
            return
        try:
            store.retire(self._id)
        except PubsubctlError as error:
            _log.warning("the store could not be told that this worker has ended: %s", error)

    def _stop_pulling(self, parts: "_Parts") -> None:
        """Drain; a second signal skips the waiting."""

        def stop() -> None:
            try:
                parts.puller.stop()
            finally:
                self._events.put(_Event("stopped"))

        if parts.execution.busy:
            _log.warning(
                "stopping; jobs that run may end within %g s (%d now); signal again to stop them at once",
                self._settings.drain_timeout,
                parts.execution.busy,
            )
        threading.Thread(target=stop, name="stopping", daemon=True).start()
        # When the sink has drained, everything is recorded; what is left is the client's last acks. With the broker
        # away it tries those for minutes, which nobody would wait for: the jobs have ended, a redelivery finds that.
        deadline = time.monotonic() + self._settings.drain_timeout + _LAST_ACKS_S
        while (event := self._next_event(deadline)) is not None and event.kind != "stopped":
            if event.kind == "signal":
                parts.execution.hurry()
                deadline = min(deadline, time.monotonic() + _LAST_ACKS_S)
        if event is None:
            _log.warning("the broker does not take the last acks; their messages will be delivered again, and not run")

    def _next_event(self, deadline: float) -> _Event | None:
        try:
            return self._events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None

    def _assemble(self, store: Store, connection: Connection, *, nack_pause_s: float) -> "_Parts":
        settings = self._settings
        recorder = Recorder(store)
        sweeper = Sweeper(
            store,
            Publisher(connection, settings.topic_path),
            Publisher(connection, settings.dead_letter_topic_path),
            topic=settings.topic_path,
            result_ttl_s=settings.result_ttl,
        )
        execution = Execution(
            self._terms(store, nack_pause_s),
            recorder,
            on_loaded=lambda: self._events.put(_Event("loaded")),
            on_dead_letter=sweeper.hurry,
            on_failure=lambda text: self._events.put(_Event("failed", text, ApplicationError)),
        )
        pool = Pool(self._app, execution, processes=settings.process_count, threads=settings.threads)
        execution.attach(pool)
        keeper = Keeper(store, pool, self._info(), lease_s=settings.lease, lost=execution.lost, tick=execution.tick)
        puller = Puller(
            connection,
            settings.subscription_path,
            execution,
            hold=settings.slots + settings.prefetch,
            lease_s=settings.lease,
            drain_timeout_s=settings.drain_timeout,
            on_hopeless=lambda text: self._events.put(
                _Event("failed", f"the broker ends the stream: {text}", BrokerError)
            ),
        )
        return _Parts(recorder, sweeper, execution, pool, keeper, puller)

    def _terms(self, store: Store, nack_pause_s: float) -> Terms:
        settings = self._settings
        return Terms(
            worker_id=self._id,
            store_id=store.store_id,
            topic=settings.topic_path,
            route=settings.route,
            lease_s=settings.lease,
            job_timeout_s=settings.job_timeout,
            max_attempts=settings.max_attempts,
            result_ttl_s=settings.result_ttl,
            nack_pause_s=nack_pause_s,
        )

    def _info(self) -> WorkerInfo:
        return WorkerInfo(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            app=self._app,
            subscription=self._settings.subscription_path,
            slots=self._settings.slots,
        )

    def _describe(self, connection: Connection) -> Started:
        settings = self._settings
        return Started(
            worker_id=self._id,
            app=self._app,
            broker=connection.address.kind,
            place=connection.address.place,
            topic=settings.topic_path,
            subscription=settings.subscription_path,
            processes=settings.process_count,
            threads=settings.threads,
            prefetch=settings.prefetch,
            store=settings.store_url,
        )

    def _nack_pause(self, connection: Connection) -> float:
        """How long what is not for us is kept before a nack: not at all where the subscription backs off itself.

        Raises:
            ResourceNotFound: there is no such subscription.
        """
        path, place = self._settings.subscription_path, connection.address.place
        try:
            with translated(place):
                found = connection.subscriber.get_subscription(subscription=path, timeout=_ENDING_S)
        except ResourceNotFound as error:
            raise ResourceNotFound(
                f"there is no subscription {path} at {place}; `pubsubctl setup` creates it"
            ) from error
        return 0.0 if "retry_policy" in found else _NACK_PAUSE_S

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals be events; handlers only record."""

        def record(number: int, _: Any) -> None:
            self._events.put(_Event("signal", signal.Signals(number).name))

        # What our parent had us ignore (nohup, a shell's background job) stays ignored.
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, record) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _thread_failures(self) -> Iterator[None]:
        """A thread of ours that dies of a fault stops the worker: half a worker would keep leases and do nothing."""
        before = threading.excepthook

        def hook(failure: threading.ExceptHookArgs) -> None:
            if failure.thread is None or failure.thread.name not in _OURS:
                _log.debug("a thread of the client's has ended: %r", failure.exc_value)
                return
            before(failure)
            text = f"the {failure.thread.name} thread failed: {failure.exc_value!r}"
            self._events.put(_Event("failed", text))

        threading.excepthook = hook
        try:
            yield
        finally:
            threading.excepthook = before


@dataclass(frozen=True)
class _Parts:
    recorder: Recorder
    sweeper: Sweeper
    execution: Execution
    pool: Pool
    keeper: Keeper
    puller: Puller
