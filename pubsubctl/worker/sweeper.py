"""Publishes again what is due: retries and delayed jobs, rows never published, leases long expired, dead letters.

And forgets what ended longer ago than results are kept.
"""

import logging
import math
import threading
import time

from pubsubctl import wire
from pubsubctl.broker.deadletter import mirror
from pubsubctl.broker.publish import Outgoing, Publisher
from pubsubctl.errors import PubsubctlError
from pubsubctl.store.base import Due, DueKind, Published, Store
from pubsubctl.worker.outcome import MAX_CRASHES

_log = logging.getLogger("pubsubctl.worker")

_PERIOD_S = 0.25
_MOST_AT_ONCE = 200
_PURGE_PERIOD_S = 60.0
_MOST_PURGED = 500


class Sweeper:
    """A thread that looks into the store again and again. Any number of workers may do so at the same time."""

    def __init__(
        self, store: Store, requests: Publisher, dead_letters: Publisher, *, topic: str, result_ttl_s: float
    ) -> None:
        self._store = store
        self._publishers = {DueKind.PUBLISH: requests, DueKind.DEAD_LETTER: dead_letters}
        self._topic = topic
        self._result_ttl_s = result_ttl_s
        self._purged_at = -math.inf
        self._wake = threading.Event()
        self._closed = False
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin looking."""
        self._thread.start()

    def hurry(self) -> None:
        """Look now: there is a dead letter."""
        self._wake.set()

    def close(self, timeout_s: float = 30.0) -> None:
        """Look once more, for what was given up last, unless the broker is away, and end."""
        self._closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def sweep(self) -> int:
        """Publish what is due now; returns how many that were.

        Raises:
            PubsubctlError: the store or the broker is away; what was taken comes due again.
        """
        due = self._store.sweep(self._topic, limit=_MOST_AT_ONCE, max_crashes=MAX_CRASHES)
        for kind in DueKind:
            self._publish(kind, [item for item in due if item.kind is kind])
        return len(due)

    def _purge(self) -> None:
        """Delete results that are older than they are kept, a few at a time: others write too."""
        if time.monotonic() - self._purged_at >= _PURGE_PERIOD_S:
            full = self._store.purge(older_than_s=self._result_ttl_s, limit=_MOST_PURGED) == _MOST_PURGED
            self._purged_at = -math.inf if full else time.monotonic()

    def _publish(self, kind: DueKind, due: list[Due]) -> None:
        if not due:
            return
        message_ids = self._publishers[kind].publish([self._message(item) for item in due])
        if kind is DueKind.PUBLISH:
            self._store.published(
                Published(item.job.id, message_id, item.job.attempt)
                for item, message_id in zip(due, message_ids, strict=True)
            )
        else:
            self._store.mirrored([item.job.id for item in due])

    def _message(self, due: Due) -> Outgoing:
        if due.kind is DueKind.DEAD_LETTER:
            return mirror(due.job, due.request, store_id=self._store.store_id)
        envelope = wire.Envelope(due.job.id, due.request, due.job.batch_id, self._store.store_id)
        return Outgoing(*wire.encode(envelope), due.job.ordering_key)

    def _run(self) -> None:
        while True:
            last = self._closed
            if last and self._complaint:
                return
            self._wake.clear()
            try:
                while self.sweep() == _MOST_AT_ONCE:
                    pass
                self._purge()
                self._complain("")
            except PubsubctlError as error:
                self._complain(str(error))
            if last:
                return
            self._wake.wait(_PERIOD_S)

    def _complain(self, text: str) -> None:
        """Log a change of state, not every attempt."""
        if text and not self._complaint:
            _log.error("what is due cannot be published; it is kept and tried again: %s", text)
        elif self._complaint and not text:
            _log.warning("what is due is published again")
        self._complaint = text
