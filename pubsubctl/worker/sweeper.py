"""Publishes again what is due: retries and delayed jobs, rows never published, leases long expired, dead letters.

And forgets what ended longer ago than results are kept.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from pubsubctl import wire
from pubsubctl.broker.deadletter import as_it_came, is_no_job, mirror
from pubsubctl.broker.publish import Outgoing, Publisher, Rejected, Taken
from pubsubctl.errors import BrokerError, BrokerUnreachable, InvalidRequest, PubsubctlError
from pubsubctl.faults import point
from pubsubctl.job import Job
from pubsubctl.store.base import Store
from pubsubctl.store.messages import Due, DueKind, Published, Unpublished
from pubsubctl.worker.disposal import Disposal
from pubsubctl.worker.forgetting import Forgetting
from pubsubctl.worker.outcome import MAX_CRASHES
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.taking import Taking
from pubsubctl.worker.troubles import Troubles

_log = logging.getLogger("pubsubctl.worker")

_PERIOD_S = 0.25
_STORE, _BROKER = "store", "broker"
_TROUBLES = {
    _STORE: ("what is due cannot be looked up: %s", "what is due is looked up again"),
    _BROKER: ("the broker is away, what is due is kept and tried again: %s", "the broker is back"),
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
        max_crashes: attempts that may end without a record before their job is given up.
        shared: the ``broker`` and the ``store``, as other parts of the worker miss them too.
        believed: whether leases that have run out can be acted on now; see ``Credence``.
        disposal: what deletes the bodies of jobs that are forgotten.
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
        max_crashes: int = MAX_CRASHES,
        believed: Callable[[], bool] = lambda: True,
        disposal: Disposal | None = None,
        shared: Mapping[str, Presence] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._publishers = {DueKind.PUBLISH: requests, DueKind.DEAD_LETTER: dead_letters}
        self._taking = Taking(store, topic, max_crashes=max_crashes, clock=clock)
        self._believed = believed
        self._forgetting = Forgetting(store, result_ttl_s, clock=clock, disposal=disposal)
        self._wake = threading.Event()
        self._closed = False
        self._troubles = Troubles(_TROUBLES, "sweeper", shared or {})
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
        due = self._taking.take()
        if not due:  # what the broker was missed for was taken by another, or cancelled: it is not missed here any more
            self._troubles.over(_BROKER)
        try:
            for kind in DueKind:
                # A call has one ordering key, and the order matters within it only.
                self._publish(kind, sorted((item for item in due if item.kind is kind), key=_ordering_key))
        except BrokerUnreachable:
            return 0
        return len(due)

    def _publish(self, kind: DueKind, due: list[Due]) -> None:
        """Publish in as few calls as it takes.

        Raises:
            BrokerUnreachable: no answer; what is left is still taken.
        """
        refusal: BrokerError | None = None
        messages = self._messages(due)
        left = list(messages)
        try:
            for answers in self._publishers[kind].publish_each(list(messages.values())):
                jobs, left = left[: len(answers)], left[len(answers) :]
                refusal = self._answered(kind, self._taking.let_go(jobs), answers) or refusal
                self._troubles.over(_BROKER)
        except BrokerUnreachable as error:
            self._troubles.began(_BROKER, error)
            raise
        except BrokerError as error:
            self._taking.let_go(left)
            self._troubles.over(_BROKER)
            refusal = error
        if refusal is not None:
            self._troubles.began(kind, refusal)
        elif messages:
            self._troubles.over(kind)

    def _answered(self, kind: DueKind, due: list[Due], answers: list[Taken | Rejected]) -> BrokerError | None:
        """Note what the broker has; returns why it does not take a dead letter, if it is so.

        They have been let go: what the broker has must not be published again while the store is away.
        """
        taken = [(item.job, answer) for item, answer in zip(due, answers, strict=True) if isinstance(answer, Taken)]
        rejected = [
            (item, answer.error) for item, answer in zip(due, answers, strict=True) if isinstance(answer, Rejected)
        ]
        if kind is DueKind.DEAD_LETTER:
            point("mirrored")
            self._store.mirrored({job.id: job.finished_at for job, _ in taken})
            return rejected[-1][1] if rejected else None
        point("republished")
        self._store.published([Published(job.id, answer.message_id, job.attempt) for job, answer in taken])
        for item, error in rejected:
            self._give_up(item, str(error))
        return None

    def _messages(self, due: list[Due]) -> dict[str, Outgoing]:
        """The messages of what can be published, by job; what cannot is given up."""
        messages = {}
        for item in due:
            try:
                messages[item.job.id] = self._message(item)
            except InvalidRequest as error:
                self._taking.let_go([item.job.id])
                self._give_up(item, str(error))
        return messages

    def _message(self, due: Due) -> Outgoing:
        if due.kind is DueKind.DEAD_LETTER:
            return mirror(due.job, due.request, store_id=self._store.store_id)
        if is_no_job(due.request):
            return as_it_came(due.job, due.request, store_id=self._store.store_id)
        envelope = wire.Envelope(due.job.id, due.request, due.job.batch_id, self._store.store_id)
        return Outgoing(*wire.encode(envelope), due.job.ordering_key)

    def _give_up(self, due: Due, error: str) -> None:
        """No message can carry it, as of a plain message that becomes too large by what we add; or none is taken."""
        job = due.job
        if job.message_id is not None:  # which was never acknowledged, and brings the job once more
            self._store.published([Published(job.id, job.message_id, job.attempt)])
            return
        _log.error("job %s cannot be published again, and has failed: %s", job.id, error, extra=_of(job))
        self._store.unpublished([Unpublished(job.id, error, job.attempt, dead_letter=True)])

    def _run(self) -> None:
        while True:
            last = self._closed
            if last and (_STORE in self._troubles or _BROKER in self._troubles):
                return
            self._wake.clear()
            try:
                if self._believed():
                    self._sweep_all()
            except PubsubctlError as error:
                self._troubles.began(_STORE, error)
            if last:
                return
            self._wake.wait(_PERIOD_S)

    def _sweep_all(self) -> None:
        while self.sweep() and self._taking.there_is_more and not self._closed:
            pass
        self._forgetting.some()
        self._troubles.over(_STORE)


def _ordering_key(due: Due) -> str:
    return due.job.ordering_key


def _of(job: Job) -> dict[str, object]:
    """What the log has as fields of a line about a job."""
    return {"job_id": job.id, "attempt": job.attempt}
