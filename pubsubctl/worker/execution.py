"""From a delivery to its acknowledgement: decode, claim, run, record, and only then ack.

Deliveries wait here, unclaimed, until a child has room. Whatever happens to one ends in exactly one of: ack (the
store has its outcome), nack (somebody else should have it now), or letting its lease lapse (somebody else has it).
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from pubsubctl import wire
from pubsubctl.errors import ApplicationError, MalformedMessage
from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import Burial, Claim, Claimed, Lease, Outcome, Refusal, Refused
from pubsubctl.worker.outcome import MAX_CRASHES, Ending, outcome_of
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.recorder import Recorder
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_LONGEST_DEADLINE_S = 600
_FOREIGN_PAUSE_S = 60.0
_LAST_WRITES_S = 5.0
"""How long a drain waits for the store to take what it was given last."""


class Message(Protocol):
    """What is used of google-cloud-pubsub's Message."""

    message_id: str
    data: bytes
    attributes: dict[str, str]
    ordering_key: str
    publish_time: datetime

    def ack(self) -> None:
        """Done for good."""

    def nack(self) -> None:
        """Deliver it again."""

    def drop(self) -> None:
        """Keep its lease no longer."""

    def modify_ack_deadline(self, seconds: int) -> None:
        """Set its lease to this many seconds from now."""


@dataclass(frozen=True)
class Terms:
    """What a worker asks of jobs; see the settings of these names."""

    worker_id: str
    store_id: str
    topic: str
    route: str | None
    lease_s: int
    job_timeout_s: float | None
    max_attempts: int
    result_ttl_s: float


@dataclass(eq=False)
class Delivery:
    """One arrival of a message, on the stream that it came by."""

    message: Message
    stream: object
    envelope: wire.Envelope | None = None


class Execution:
    """Everything between the puller, the pool and the recorder. Any thread may call it; nothing in it blocks."""

    def __init__(
        self,
        terms: Terms,
        recorder: Recorder,
        *,
        on_loaded: Callable[[], None],
        on_dead_letter: Callable[[], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._terms = terms
        self._recorder = recorder
        self._on_loaded = on_loaded
        self._on_dead_letter = on_dead_letter
        self._on_failure = on_failure
        self._pool: Pool | None = None
        self._lock = threading.RLock()
        self._quiet = threading.Condition(self._lock)
        self._inbox: deque[Delivery] = deque()
        self._claiming = 0
        self._writing = 0
        self._running: dict[Task, Delivery] = {}
        self._draining = False
        self._hurried = False
        self._jitter = random.Random()  # noqa: S311 - it spreads retries, it guards nothing
        self._foreign_stores: set[str] = set()

    def attach(self, pool: Pool) -> None:
        """Say which pool runs the jobs."""
        self._pool = pool

    @property
    def busy(self) -> int:
        """How many jobs are claimed and have not ended."""
        return len(self._running)

    # --- from the puller --------------------------------------------------------------------------------------------

    def deliver(self, message: Message, stream: object) -> None:
        """Take a message that arrived."""
        with self._lock:
            if self._draining:
                message.nack()  # of an ordering key: the client releases the next one when one is settled
                return
            self._inbox.append(Delivery(message, stream))
        self._pump()

    def abandon(self, stream: object) -> None:
        """Forget what came by a stream that has died and was not claimed: it will be delivered again."""
        with self._lock:
            self._inbox = deque(delivery for delivery in self._inbox if delivery.stream is not stream)

    def drain(self, timeout_s: float) -> None:
        """Begin nothing more, give back what has not begun, let what runs end for up to ``timeout_s``.

        Blocks until every outcome is recorded and acked.
        """
        with self._lock:
            self._draining = True
            unclaimed = [delivery.message for delivery in self._inbox]
            self._inbox.clear()
        for message in unclaimed:  # now: the client would nack them only when this returns
            message.nack()
        self._finish_running(timeout_s)

    def hurry(self) -> None:
        """Let a drain wait no longer for what runs."""
        with self._lock:
            self._hurried = True
            self._quiet.notify_all()

    # --- from the pool ----------------------------------------------------------------------------------------------

    def loaded(self) -> None:
        """A child has loaded the application."""
        self._on_loaded()

    def room_made(self) -> None:
        """A child can take more than it has."""
        if self._draining:
            self._give_back(self._pool.take_back() if self._pool else [])
        else:
            self._pump()

    def ended(self, task: Task, ending: Ending) -> None:
        """A job's attempt has ended: have it recorded."""
        outcome = outcome_of(task.claimed, ending, now=time.time(), jitter=self._jitter)
        with self._lock:
            delivery = self._running.pop(task, None)
            self._writing += 1
        self._recorder.record(outcome, lambda accepted: self._recorded(delivery, outcome, accepted))

    def interrupted(self, task: Task) -> None:
        """A job was stopped for no fault of its own: it is released and asked for once more."""
        self._give_back([task])

    def failed(self, error: ApplicationError) -> None:
        """The application cannot be loaded."""
        self._on_failure(str(error))

    # --- from the keeper --------------------------------------------------------------------------------------------

    def lost(self, tasks: Iterable[Task]) -> None:
        """These were cancelled, or taken over by another worker: stop them, settle nothing."""
        for task in tasks:
            if self._pool is not None and self._pool.kill(task, None):
                _log.info("job %s is ours no more and is stopped", task.job_id)
                with self._lock:
                    delivery = self._running.pop(task, None)
                    self._quiet.notify_all()
                if delivery is not None:
                    delivery.message.drop()

    # --- the way of a delivery --------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Claim as many deliveries as the children have room for."""
        with self._lock:
            if self._draining or self._pool is None or not self._inbox or not self._recorder.available:
                return
            room = self._pool.room() - self._claiming
            chosen = [self._inbox.popleft() for _ in range(min(room, len(self._inbox)))]
            claimable = [delivery for delivery in chosen if self._readable(delivery)]
            self._claiming += len(claimable)
        if claimable:
            claims = [self._claim_of(delivery) for delivery in claimable]
            self._recorder.claim(claims, lambda answers: self._answered(claimable, answers))

    def _readable(self, delivery: Delivery) -> bool:
        """Decode a message; what is no job of ours is dealt with and False."""
        message = delivery.message
        try:
            delivery.envelope = wire.decode(
                message.data, message.attributes, message_id=message.message_id, route=self._terms.route
            )
        except MalformedMessage as error:
            _log.warning("message %s is malformed, and goes to the dead letters: %s", message.message_id, error)
            self._bury(delivery, Reason.MALFORMED, str(error), f"msg-{message.message_id}")
            return False
        store_id = delivery.envelope.store_id
        if store_id and store_id != self._terms.store_id:
            self._refuse_foreign(message, store_id)
            return False
        return True

    def _refuse_foreign(self, message: Message, store_id: str) -> None:
        if store_id not in self._foreign_stores:
            self._foreign_stores.add(store_id)
            _log.error(
                "message %s is of another store (%s, ours is %s) and is not run: its submitter would wait for ever; "
                "give workers and submitters of a subscription the same --store",
                message.message_id,
                store_id,
                self._terms.store_id,
            )
        _later(message, _FOREIGN_PAUSE_S)

    def _claim_of(self, delivery: Delivery) -> Claim:
        envelope, message = delivery.envelope, delivery.message
        assert envelope is not None
        return Claim(
            job_id=envelope.job_id,
            message_id=message.message_id,
            worker_id=self._terms.worker_id,
            lease_s=self._terms.lease_s,
            max_attempts=self._terms.max_attempts,
            max_crashes=MAX_CRASHES,
            age_s=(datetime.now(UTC) - message.publish_time).total_seconds(),
            max_age_s=self._terms.result_ttl_s,
            request=envelope.request,
            topic=self._terms.topic,
            batch_id=envelope.batch_id,
            ordering_key=message.ordering_key,
        )

    def _answered(self, deliveries: list[Delivery], answers: list[Claimed | Refused]) -> None:
        tasks = []
        with self._lock:
            self._claiming -= len(deliveries)
            for delivery, answer in zip(deliveries, answers, strict=True):
                if isinstance(answer, Claimed):
                    tasks.append(self._task(delivery, answer))
            draining = self._draining
            self._quiet.notify_all()
        for delivery, answer in zip(deliveries, answers, strict=True):
            if isinstance(answer, Refused):
                self._refused(delivery, answer)
        if draining:
            self._give_back(tasks)
        elif self._pool is not None:
            self._pool.run(tasks)
            self._pump()

    def _task(self, delivery: Delivery, claimed: Claimed) -> Task:
        assert delivery.envelope is not None
        task = Task(claimed, delivery.envelope.request, claimed.timeout_s or self._terms.job_timeout_s)
        self._running[task] = delivery
        return task

    def _refused(self, delivery: Delivery, answer: Refused) -> None:
        message = delivery.message
        match answer.refusal:
            case Refusal.HELD:
                _later(message, answer.wait_s)
            case Refusal.NOT_DUE if message.ordering_key:
                _later(message, answer.wait_s)
            case Refusal.FORGOTTEN:
                error = f"its message is older than results are kept ({self._terms.result_ttl_s:g} s)"
                self._bury(delivery, Reason.FORGOTTEN, error, answer.job_id)
            case Refusal.CRASHED:
                message.ack()
                self._on_dead_letter()
            case _:
                message.ack()  # it has ended, or another message or the sweeper takes care of it

    def _bury(self, delivery: Delivery, reason: Reason, error: str, job_id: str) -> None:
        message = delivery.message
        burial = Burial(
            job_id=job_id,
            message_id=message.message_id,
            topic=self._terms.topic,
            error=error,
            headers=tuple(sorted(message.attributes.items())),
            body=message.data,
            reason=reason,
        )
        with self._lock:
            self._writing += 1
        self._recorder.bury(burial, lambda: self._buried(message))

    def _buried(self, message: Message) -> None:
        message.ack()
        self._on_dead_letter()
        self._written()

    def _recorded(self, delivery: Delivery | None, outcome: Outcome, accepted: bool) -> None:
        if delivery is not None:
            self._settle(delivery.message, outcome, accepted=accepted)
        if accepted and outcome.dead_letter:
            self._on_dead_letter()
        self._written()

    def _settle(self, message: Message, outcome: Outcome, *, accepted: bool) -> None:
        if not accepted:
            _log.warning(
                "the result of job %s came too late and is dropped: the job is not ours any more", outcome.job_id
            )
            message.drop()
        elif outcome.state is JobState.RETRYING and message.ordering_key:
            _later(message, outcome.retry_in_s)
        else:
            message.ack()

    def _written(self) -> None:
        with self._lock:
            self._writing -= 1
            self._quiet.notify_all()

    # --- giving back ------------------------------------------------------------------------------------------------

    def _give_back(self, tasks: Iterable[Task]) -> None:
        """Release attempts that were not made; their messages are nacked, once the store knows."""
        for task in tasks:
            with self._lock:
                delivery = self._running.pop(task, None)
                self._writing += 1
            lease = Lease(task.job_id, task.claimed.attempt)
            self._recorder.release(lease, partial(self._released, delivery))

    def _released(self, delivery: Delivery | None) -> None:
        with self._lock:
            again = delivery is not None and not self._draining
            if again and delivery is not None:
                self._inbox.appendleft(delivery)
        if delivery is not None and not again:
            delivery.message.nack()
        self._written()
        self._pump()

    def _finish_running(self, timeout_s: float) -> None:
        """Wait for what runs; kill and give back what does not end in time."""
        if self._pool is None:
            return
        self._pool.recall()
        self._give_back(self._pool.take_back())
        with self._lock:
            self._quiet.wait_for(lambda: self._is_quiet() or self._hurried, timeout_s)
            left = list(self._running)
        if left:
            _log.warning("%d jobs did not end in time; they are stopped and given back", len(left))
        for task in left:
            self._pool.kill(task, None)
        self._give_back(left)
        with self._lock:
            self._quiet.wait_for(self._is_quiet, _LAST_WRITES_S)

    def _is_quiet(self) -> bool:
        return not self._running and not self._claiming and not self._writing


def _later(message: Message, wait_s: float) -> None:
    """Let the broker deliver it again in a while, and keep it no longer."""
    message.modify_ack_deadline(min(_LONGEST_DEADLINE_S, max(1, int(wait_s) + 1)))
    message.drop()
