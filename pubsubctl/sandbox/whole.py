"""The sandbox: what it is made of, in the order in which that is started and, backwards, taken down."""

import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from pubsubctl import names
from pubsubctl.client import Client
from pubsubctl.errors import ApplicationError
from pubsubctl.sandbox import leavings, topics
from pubsubctl.sandbox.broker import hosted
from pubsubctl.sandbox.interrupts import deferred
from pubsubctl.sandbox.process import WorkerProcess
from pubsubctl.settings import Settings
from pubsubctl.state import State
from pubsubctl.store.claims import WorkerInfo

_LOOK_S = 0.1
FOLDER = "PUBSUBCTL_SANDBOX"
"""The variable by which the worker, and the application, know the sandbox's folder."""


class Sandbox:
    """Entered, it runs; left, however, it is gone.

    Attributes:
        folder: a temporary one, with all that it writes.
        settings: as they are in force for client and worker.
        emulator_pid: of the emulator, where that is its own.
        client: of its store and topics.
        worker: its worker's process.
        info: its worker, as the store knows it.

    Args:
        app: the application, as ``worker start`` takes it.
        flags: more arguments of ``worker start``.
        settings: which broker, and how the worker is to be; the defaults, and nothing of the environment, unless given.
        store: where the jobs live, from which they are deleted in the end; unless given, in the folder.
        home: the worker's working directory; the folder unless given.
        environment: variables for the worker beside ours.
        start_s: how long the worker may take to be ready.
        stop_s: how long it may take to drain.
        idle: whether there is no worker before ``working`` is entered.
        tell: is told what could not be taken down.
    """

    def __init__(
        self,
        app: str,
        *,
        flags: Sequence[str] = (),
        settings: Settings | None = None,
        store: str | None = None,
        home: Path | None = None,
        environment: Mapping[str, str] | None = None,
        start_s: float = 30.0,
        stop_s: float = 40.0,
        idle: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._app = app
        self._flags = list(flags)
        self._asked = settings
        self._store = store
        self._home = home
        self._environment = dict(environment or {})
        self._start_s, self._stop_s = start_s, stop_s
        self._idle = idle
        self._tell = tell
        self._batch_ids: list[str] = []
        self._stack = contextlib.ExitStack()
        self.info: WorkerInfo | None = None

    def __enter__(self) -> Self:
        try:
            self._start(self._stack)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with deferred():
            self._stack.close()

    @property
    def log(self) -> Path:
        """What the worker printed."""
        return self.folder / "worker.log"

    def new_batch(self) -> str:
        """An id for jobs that are submitted together. Jobs without one are not deleted from a store that is named."""
        self._batch_ids.append(names.new_batch_id())
        return self._batch_ids[-1]

    def check(self) -> None:
        """See that the worker still runs.

        Raises:
            ApplicationError: it has ended; the text has the last line that it printed.
        """
        self.worker.check()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """The worker, ready, while the context lasts; entered by the sandbox itself unless it is ``idle``.

        Raises:
            ApplicationError: it did not start.
        """
        with contextlib.ExitStack() as undo:
            with deferred():
                self.worker = self._worker()
                undo.callback(self.worker.stop, self._stop_s)
            self.info = self._wait_for_worker()
            yield

    def _start(self, undo: contextlib.ExitStack) -> None:
        with deferred():
            temporary = tempfile.TemporaryDirectory(prefix="pubsubctl-", ignore_cleanup_errors=True)
            self.folder = Path(undo.enter_context(temporary))
        state = State(self.folder / ".pubsubctl")
        state.create()
        asked = self._asked or Settings.load({}, environ={}, start=self.folder)
        at, self.emulator_pid = hosted(asked, state, undo)
        self.settings = self._stored(topics.named(at), state)
        its_topics = topics.Topics(self.settings, self._tell)
        if self.emulator_pid is None:  # else they go with the emulator
            undo.callback(its_topics.delete)
        its_topics.make()
        with deferred():
            self.client = undo.enter_context(Client(self.settings))
        undo.callback(self._leave_the_store)
        if not self._idle:
            undo.enter_context(self.working())

    def _worker(self) -> WorkerProcess:
        return WorkerProcess(
            self._app,
            self._flags,
            settings=self.settings,
            folder=self._home or self.folder,
            environment={**self._environment, FOLDER: str(self.folder)},
            log=self.log,
        )

    def _wait_for_worker(self) -> WorkerInfo:
        deadline = time.monotonic() + self._start_s
        with self.client.store.watch() as watch:
            while (found := self._known()) is None:
                self.check()
                if time.monotonic() > deadline:
                    raise ApplicationError(f"the worker did not start: {self.worker.last_line()}")
                watch.wait(_LOOK_S)
        return found

    def _known(self) -> WorkerInfo | None:
        here = (self.worker.pid, socket.gethostname())
        return next((one for one in self.client.store.workers() if (one.pid, one.host) == here), None)

    def _stored(self, settings: Settings, state: State) -> Settings:
        """Large bodies are where the jobs are: in the user's place nobody would ever look for those of this store."""
        sources = {**settings.sources, "store": "the sandbox"}
        if self._store is not None:
            return replace(settings, store=self._store, sources=sources)
        payloads = None if settings.payloads is None else str(self.folder / "payloads")
        return replace(settings, store=f"sqlite:///{state.jobs_db}", payloads=payloads, sources=sources)

    def _leave_the_store(self) -> None:
        if self._store is not None:
            leavings.retire(self.client.store, self.info.id if self.info else None)
            leavings.delete(self.client.store, self.client.bodies, self._batch_ids)
