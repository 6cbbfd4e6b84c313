"""A worker as a whole: started, watched over, and taken apart again."""

import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from pubsubctl import faults
from pubsubctl.broker.connection import Connection
from pubsubctl.payloads.base import Payloads
from pubsubctl.settings import Settings
from pubsubctl.store.opening import open_store
from pubsubctl.worker import application
from pubsubctl.worker.assembly import Assembly, Parts
from pubsubctl.worker.draining import Drain
from pubsubctl.worker.notices import Notice, Notices, What
from pubsubctl.worker.plan import Plan
from pubsubctl.worker.signals import heard, thread_failures
from pubsubctl.worker.source import Source, look_up
from pubsubctl.worker.stopping import Limits

_log = logging.getLogger("pubsubctl.worker")

_ENDS = frozenset({What.SIGNAL, What.FAILED, What.ENOUGH})


@dataclass(frozen=True)
class Started:
    """What a worker runs, once its application is loaded.

    Attributes:
        settings: as they are in force, with the topic of its subscription.
        host_port: where its health is served, if it is.
    """

    worker_id: str
    app: str
    settings: Settings
    broker: str
    place: str
    host_port: str | None


class Worker:
    """One parent with its children. ``run`` blocks the main thread until the worker has ended.

    Attributes:
        id: unique for each start of a worker.

    Args:
        app: overrules the settings' application.
        limits: when it ends by itself.
        reload: replace the children whenever the application's code has changed; an application that cannot be loaded
            then waits for the next change.
    """

    def __init__(
        self, settings: Settings, app: str | None = None, *, limits: Limits | None = None, reload: bool = False
    ) -> None:
        self._settings = settings
        self._app = application.target(app or settings.app)
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._limits = limits or Limits()
        self._reload = reload
        self._notices = Notices()
        self._serving = False

    def run(self, on_started: Callable[[Started], None] = lambda _: None) -> None:
        """Run jobs until SIGTERM or SIGINT, or a limit; then drain, and return when nothing is left in hand.

        Until the children are started a signal does what it does to any program: there is nothing to lose yet.

        Args:
            on_started: called once, when the application is loaded and jobs can run.

        Raises:
            ApplicationError: the application cannot be loaded.
            BrokerUnreachable: no broker, at the start.
            InvalidSetting: a topic was named that the subscription is not of, or what the payload place needs is not
                installed.
            KeyboardInterrupt: further signals during the drain asked to leave at once.
            PayloadsUnreachable: the payload place cannot be used, at the start.
            ResourceNotFound: there is no such subscription.
            StoreUnreachable: no store, at the start.
        """
        if asked := os.environ.get(faults.VARIABLE):
            _log.warning("%s=%s is set: this worker breaks itself, as a test wants it to", faults.VARIABLE, asked)
        with ExitStack() as resources:
            store = resources.enter_context(open_store(self._settings.store_url))
            payloads = self._payloads(store.store_id)
            connection = resources.enter_context(Connection(self._settings))
            connection.check()
            plan = self._plan(look_up(self._settings, connection))
            parts = Assembly(plan, store, connection, self._notices, payloads).parts
            drain = Drain(parts, self._notices, store, self.id, timeout_s=self._settings.drain_timeout)
            with heard(self._notices), thread_failures(self._notices):
                end = Notice(What.FAILED, "a fault")
                try:
                    end = self._serve(parts, lambda: on_started(self._started(plan, connection, parts.host_port)))
                finally:
                    try:
                        drain.run(end, serving=self._serving)
                    finally:
                        if not drain.complete:  # what is still used cannot be closed, and goes with the process
                            resources.pop_all()
        failure = end if end.what is What.FAILED else drain.failure
        if failure is not None:
            raise failure.error(failure.text)

    def _serve(self, parts: Parts, on_started: Callable[[], None]) -> Notice:
        """Run jobs until there is a reason to end, and return it."""
        parts.begin()
        if (end := self._wait_for(What.LOADED)) is not None:
            return end
        self._serving = True
        parts.serve()
        on_started()
        return self._end()

    def _wait_for(self, what: What) -> Notice | None:
        """None once that has come; else the reason to end that came before it."""
        while (notice := self._notices.next()).what is not what:
            if notice.what in _ENDS:
                return notice
        return None

    def _end(self) -> Notice:
        while (notice := self._notices.next()).what not in _ENDS:
            pass
        return notice

    def _payloads(self, store_id: str) -> Payloads | None:
        """Open the payload place, where there is one: nothing should depend on it that cannot work."""
        terms = self._settings.payload_terms(store_id)
        if terms is None:
            return None
        place = terms.open()
        place.check()
        return place

    def _plan(self, source: Source) -> Plan:
        return Plan(
            settings=source.settled(self._settings),
            app=self._app,
            worker_id=self.id,
            limits=self._limits,
            reload=self._reload,
            nack_pause_s=source.nack_pause_s,
            ordered=source.ordered,
            most_deliveries=source.most_deliveries,
        )

    def _started(self, plan: Plan, connection: Connection, host_port: str | None) -> Started:
        address = connection.address
        return Started(self.id, self._app, plan.settings, address.kind, address.place, host_port)
