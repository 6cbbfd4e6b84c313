"""What the broker has is noted in the store a moment later, so that nobody who submits waits for that.

Nothing depends on a note that is in time. Whoever claims a job notes its message too; and a job whose note was lost,
with its submitter, is published again by a sweeper, which is harmless.
"""

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pubsubctl.errors import PubsubctlError
from pubsubctl.faults import point
from pubsubctl.store.base import Store
from pubsubctl.store.messages import Published

_log = logging.getLogger("pubsubctl.client")

_SOON_S = 0.02
_IDLE_S = 0.1
"""A process that ends without closing its client waits for so long."""


class Notes:
    """Notes of one submitter. Any thread may call it.

    They are written with the next jobs that are added, in one transaction, or else by a thread of its own, which lives
    while there is something to write, and for which the process waits as it ends.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake = threading.Condition()
        self._writing = threading.Lock()  # for whoever closes while the thread writes
        self._next: list[Published] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, messages: Iterable[Published]) -> None:
        """Have these noted soon."""
        with self._wake:
            self._next.extend(messages)
            if self._next and (self._thread is None or not self._thread.is_alive()):
                self._thread = self._started()
            self._wake.notify()

    @contextmanager
    def together(self) -> Iterator[None]:
        """A group of the store's that begins with what is to be noted.

        Raises:
            StoreError, StoreUnreachable: see the store; what was to be noted is noted later.
        """
        taken: list[Published] = []
        try:
            with self._store.group():
                taken = self._take()
                if taken:
                    self._store.published(taken)
                yield
        except BaseException:
            self.put(taken)
            raise
        if taken:
            point("noted")

    def flush(self) -> None:
        """Note everything now; what the store does not take is forgotten."""
        with self._writing:
            taken = self._take()
            if not taken:
                return
            try:
                self._store.published(taken)
            except PubsubctlError as error:
                _log.debug("the store was not told of %d messages: %s", len(taken), error)
            else:
                point("noted")

    def close(self) -> None:
        """Note everything, and end the thread."""
        self.flush()
        with self._wake:
            self._closed = True
            self._wake.notify()

    def _started(self) -> threading.Thread | None:
        thread = threading.Thread(target=self._run, name="notes")
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter is about to end
            _log.debug("notes wait for the next submit: %s", error)
            return None
        return thread

    def _take(self) -> list[Published]:
        with self._wake:
            taken, self._next = self._next, []
        return taken

    def _run(self) -> None:
        while self._is_wanted():
            threading.Event().wait(_SOON_S)  # so that a burst of submits is few commits
            self.flush()

    def _is_wanted(self) -> bool:
        with self._wake:
            if not self._wake.wait_for(lambda: self._next or self._closed, _IDLE_S) or not self._next:
                self._thread = None
                return False
            return True
