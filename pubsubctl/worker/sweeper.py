"""Publishes again what is due: retries and delayed jobs, rows never published, leases long expired, dead letters.

And forgets what ended longer ago than results are kept.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable

from pubsubctl import wire
from pubsubctl.broker.deadletter import mirror
from pubsubctl.broker.publish import Outgoing, Publisher, in_calls
from pubsubctl.errors import BrokerError, BrokerUnreachable, InvalidRequest, PubsubctlError
from pubsubctl.store.base import PUBLISH_GRACE_S, Due, DueKind, Published, Store, Unpublished
from pubsubctl.worker.outcome import MAX_CRASHES

_log = logging.getLogger("pubsubctl.worker")

_PERIOD_S = 0.25
_MOST_AT_ONCE = 200
_PURGE_PERIOD_S = 60.0
_MOST_PURGED = 500
_STORE, _BROKER = "store", "broker"
_TROUBLES = {
    _STORE: ("what is due cannot be looked up: %s", "what is due is looked up again"),
    _BROKER: ("the broker is away, what is due is kept and tried again: %s", "the broker answers again"),
    DueKind.PUBLISH: (
        "jobs that are due cannot be published; they are kept and tried again: %s",
        "jobs that are due are published again",
    ),
    DueKind.DEAD_LETTER: (
        "dead letters cannot be mirrored; they are kept and tried again: %s",
        "dead letters are mirrored again",
    ),
}


class Sweeper:
    """A thread that looks into the store again and again. Any number of workers may do so at the same time.

    Args:
        requests: publishes to ``topic``, whose jobs are looked for.
        dead_letters: publishes to the dead-letter topic.
        clock: what tells how long something was taken, and when to purge; seconds that only rise.
    """

    def __init__(
        self,
        store: Store,
        requests: Publisher,
        dead_letters: Publisher,
        *,
        topic: str,
        result_ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._publishers = {DueKind.PUBLISH: requests, DueKind.DEAD_LETTER: dead_letters}
        self._topic = topic
        self._result_ttl_s = result_ttl_s
        self._taken: dict[str, Due] = {}
        self._taken_until = -math.inf
        self._purged_at = -math.inf
        self._wake = threading.Event()
        self._closed = False
        self._troubles: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin looking."""
        self._thread.start()

    def hurry(self) -> None:
        """Look now: there is a dead letter."""
        self._wake.set()

    def close(self, timeout_s: float = 30.0) -> None:
        """Look once more, for what was given up last, unless the broker or the store is away, and end."""
        self._closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def sweep(self) -> int:
        """Publish what is due now; returns how many jobs that were.

        What the broker refuses is left to the store, where it comes due again. With the broker away, what was taken
        is tried again by the next call, for as long as the store gives it to nobody else.

        Raises:
            PubsubctlError: the store is away, or refuses.
        """
        self._take()
        due = list(self._taken.values())
        try:
            for kind in DueKind:
                self._publish(kind, [item for item in due if item.kind is kind])
        except BrokerUnreachable:
            return 0
        return len(due)

    def _take(self) -> None:
        now = self._clock()
        if now >= self._taken_until:
            self._taken.clear()
        if not self._taken:
            due = self._store.sweep(self._topic, limit=_MOST_AT_ONCE, max_crashes=MAX_CRASHES)
            self._taken = {item.job.id: item for item in due}
            self._taken_until = now + PUBLISH_GRACE_S

    def _publish(self, kind: DueKind, due: list[Due]) -> None:
        """Publish in as few calls as it takes; a call that is refused takes no other with it.

        Raises:
            BrokerUnreachable: no answer; what is left is still taken.
        """
        refusal: BrokerError | None = None
        messages = self._messages(due)
        left = list(messages)
        for part in in_calls(messages.values()):
            jobs, left = left[: len(part)], left[len(part) :]
            try:
                message_ids = self._publishers[kind].publish(part)
            except BrokerError as error:
                refusal = error
                self._let_go(jobs)
            except BrokerUnreachable as error:
                self._complain(_BROKER, error)
                raise
            else:
                self._done(kind, jobs, message_ids)
            self._calm(_BROKER)
        if refusal is not None:
            self._complain(kind, refusal)
        elif messages:
            self._calm(kind)

    def _done(self, kind: DueKind, job_ids: list[str], message_ids: list[str]) -> None:
        # Let go before they are noted: what the broker has must not be published again while the store is away.
        jobs = [item.job for item in self._let_go(job_ids)]
        if kind is DueKind.PUBLISH:
            self._store.published(
                Published(job.id, message_id, job.attempt) for job, message_id in zip(jobs, message_ids, strict=True)
            )
        else:
            self._store.mirrored(job_ids)

    def _let_go(self, job_ids: Iterable[str]) -> list[Due]:
        return [self._taken.pop(job_id) for job_id in job_ids]

    def _messages(self, due: list[Due]) -> dict[str, Outgoing]:
        """The messages of what can be published, by job; what cannot is given up."""
        messages = {}
        for item in due:
            try:
                messages[item.job.id] = self._message(item)
            except InvalidRequest as error:
                self._give_up(item, str(error))
        return messages

    def _message(self, due: Due) -> Outgoing:
        if due.kind is DueKind.DEAD_LETTER:
            return mirror(due.job, due.request, store_id=self._store.store_id)
        envelope = wire.Envelope(due.job.id, due.request, due.job.batch_id, self._store.store_id)
        return Outgoing(*wire.encode(envelope), due.job.ordering_key)

    def _give_up(self, due: Due, error: str) -> None:
        """A job that a plain message brought may need more than a message of ours can carry."""
        job = due.job
        self._let_go([job.id])
        if job.message_id is not None:  # which was never acknowledged, and brings the job once more
            self._store.published([Published(job.id, job.message_id, job.attempt)])
            return
        _log.error("job %s cannot be published again, and has failed: %s", job.id, error)
        self._store.unpublished([Unpublished(job.id, error, job.attempt, dead_letter=True)])

    def _purge(self) -> None:
        """Delete results that are older than they are kept, a few at a time: others write too."""
        if self._clock() - self._purged_at >= _PURGE_PERIOD_S:
            full = self._store.purge(older_than_s=self._result_ttl_s, limit=_MOST_PURGED) == _MOST_PURGED
            self._purged_at = -math.inf if full else self._clock()

    def _run(self) -> None:
        while True:
            last = self._closed
            if last and {_STORE, _BROKER} & self._troubles:
                return
            self._wake.clear()
            try:
                while self.sweep() == _MOST_AT_ONCE:
                    pass
                self._purge()
                self._calm(_STORE)
            except PubsubctlError as error:
                self._complain(_STORE, error)
            if last:
                return
            self._wake.wait(_PERIOD_S)

    def _complain(self, what: str, error: PubsubctlError) -> None:
        """Log a change of state, not every attempt."""
        if what not in self._troubles:
            _log.error(_TROUBLES[what][0], error)
        self._troubles.add(what)

    def _calm(self, what: str) -> None:
        """Log that what went wrong has gone right."""
        if what in self._troubles:
            _log.warning(_TROUBLES[what][1])
        self._troubles.discard(what)
