"""From a delivery to its acknowledgement: decode, claim, run, record, and only then ack.

Deliveries wait here, unclaimed, until a child has room. Whatever happens to one ends in exactly one of: ack (the
store has its outcome), nack (somebody else should have it now), or letting its lease lapse (somebody else has it).
One that can be claimed only later, since its lease runs elsewhere or its retry is not due, is parked: its place in
the order of its key is kept, and nothing spins.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from pubsubctl import wire
from pubsubctl.errors import ApplicationError, MalformedMessage
from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import Claimed, Lease, Outcome, Refusal, Refused
from pubsubctl.worker.delivery import Delivery, Message, Terms
from pubsubctl.worker.outcome import Ending, outcome_of
from pubsubctl.worker.parking import Parking
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.recorder import Recorder
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_LAST_WRITES_S = 5.0
"""How long a drain waits for the store to take what it was given last."""


class Execution:
    """Everything between the puller, the pool and the recorder. Any thread may call it; only ``drain`` blocks."""

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
        self._parking = Parking()
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
            self._parking.forget(stream)

    def drain(self, timeout_s: float) -> None:
        """Begin nothing more, give back what has not begun, let what runs end for up to ``timeout_s``.

        Blocks until every outcome is recorded and acked.
        """
        with self._lock:
            self._draining = True
            unclaimed = [*self._inbox, *self._parking.clear()]
            self._inbox.clear()
        for delivery in unclaimed:  # now: the client would nack them only when this returns
            delivery.message.nack()
        if self._pool is not None:
            self._finish_running(self._pool, timeout_s)

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
        if self._draining and self._pool is not None:
            self._give_back(self._pool.take_back())
        else:
            self._pump()

    def ended(self, task: Task, ending: Ending) -> None:
        """A job's attempt has ended: have it recorded."""
        with self._lock:
            delivery = self._running.pop(task, None)
            self._writing += 1
        outcome = outcome_of(task.claimed, ending, now=time.time(), jitter=self._jitter)
        if outcome.state is JobState.RETRYING and delivery is not None and delivery.message.ordering_key:
            outcome = replace(outcome, held=True)
        self._recorder.record(outcome, partial(self._recorded, delivery, outcome))

    def interrupted(self, task: Task) -> None:
        """A job was stopped for no fault of its own: it is released and asked for once more."""
        self._give_back([task])

    def failed(self, error: ApplicationError) -> None:
        """The application cannot be loaded."""
        self._on_failure(str(error))

    # --- from the keeper --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the clock: whose time has come goes on."""
        with self._lock:
            due = self._parking.due(time.monotonic())
        for delivery, then in due:
            then(delivery)
        self.room_made()

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
        claimable: list[Delivery] = []
        with self._lock:
            if self._draining or self._pool is None or not self._inbox or not self._recorder.available:
                return
            room = self._pool.room() - self._claiming
            while self._inbox and len(claimable) < room:
                delivery = self._inbox.popleft()
                if delivery.envelope is not None or self._read(delivery):
                    claimable.append(delivery)
            self._claiming += len(claimable)
        if claimable:
            claims = [delivery.claim(self._terms) for delivery in claimable]
            self._recorder.claim(claims, partial(self._answered, claimable))

    def _read(self, delivery: Delivery) -> bool:
        """Decode a message; what is no job of ours is dealt with, and False."""
        message = delivery.message
        try:
            envelope = wire.decode(
                message.data, message.attributes, message_id=message.message_id, route=self._terms.route
            )
        except MalformedMessage as error:
            _log.warning("message %s is malformed, and goes to the dead letters: %s", message.message_id, error)
            self._bury(delivery, Reason.MALFORMED, str(error))
            return False
        if envelope.store_id and envelope.store_id != self._terms.store_id:
            self._refuse_foreign(delivery, envelope.store_id)
            return False
        delivery.envelope = envelope
        return True

    def _refuse_foreign(self, delivery: Delivery, store_id: str) -> None:
        if store_id not in self._foreign_stores:
            self._foreign_stores.add(store_id)
            _log.error(
                "message %s is of another store (%s, ours is %s) and is not run: its submitter would wait for ever; "
                "give workers and submitters of a subscription the same --store",
                delivery.message.message_id,
                store_id,
                self._terms.store_id,
            )
        self._park(delivery, self._terms.nack_pause_s, _nack)

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
        match answer.refusal:
            case Refusal.HELD:
                self._park(delivery, answer.wait_s, self._readmit)
            case Refusal.NOT_DUE if delivery.message.ordering_key:
                self._park(delivery, answer.wait_s, self._readmit)
            case Refusal.FORGOTTEN:
                error = f"its message is older than results are kept ({self._terms.result_ttl_s:g} s)"
                self._bury(delivery, Reason.FORGOTTEN, error)
            case Refusal.CRASHED:
                delivery.message.ack()
                self._on_dead_letter()
            case _:
                delivery.message.ack()  # it has ended, or another message or the sweeper takes care of it

    def _park(self, delivery: Delivery, wait_s: float, then: Callable[[Delivery], None]) -> None:
        with self._lock:
            if not self._draining and wait_s > 0:
                self._parking.park(delivery, time.monotonic() + wait_s, then)
                return
        if self._draining:
            delivery.message.nack()
        else:
            then(delivery)

    def _readmit(self, delivery: Delivery) -> None:
        with self._lock:
            if not self._draining:
                self._inbox.appendleft(delivery)
                return
        delivery.message.nack()

    def _bury(self, delivery: Delivery, reason: Reason, error: str) -> None:
        with self._lock:
            self._writing += 1
        self._recorder.bury(delivery.burial(self._terms, reason, error), partial(self._buried, delivery))

    def _buried(self, delivery: Delivery) -> None:
        delivery.message.ack()
        self._on_dead_letter()
        self._written()

    def _recorded(self, delivery: Delivery | None, outcome: Outcome, accepted: bool) -> None:
        if delivery is not None:
            self._settle(delivery, outcome, accepted=accepted)
        if accepted and outcome.dead_letter:
            self._on_dead_letter()
        self._written()

    def _settle(self, delivery: Delivery, outcome: Outcome, *, accepted: bool) -> None:
        if not accepted:
            _log.warning("the result of job %s came too late and is dropped: it is not ours any more", outcome.job_id)
            delivery.message.drop()
        elif outcome.held:
            self._park(delivery, outcome.retry_in_s, self._readmit)
        else:
            delivery.message.ack()

    def _written(self) -> None:
        with self._lock:
            self._writing -= 1
            self._quiet.notify_all()

    # --- giving back ------------------------------------------------------------------------------------------------

    def _give_back(self, tasks: Iterable[Task]) -> None:
        """Release attempts that were not made; once that is written their messages are asked for anew, or nacked."""
        for task in tasks:
            with self._lock:
                delivery = self._running.pop(task, None)
                self._writing += 1
            self._recorder.release(Lease(task.job_id, task.claimed.attempt), partial(self._released, delivery))

    def _released(self, delivery: Delivery | None) -> None:
        if delivery is not None:
            self._readmit(delivery)
        self._written()
        self._pump()

    def _finish_running(self, pool: Pool, timeout_s: float) -> None:
        """Wait for what runs; stop and give back what does not end in time."""
        self._give_back(pool.take_back())
        with self._lock:
            self._quiet.wait_for(lambda: self._is_quiet() or self._hurried, timeout_s)
            left = list(self._running)
        if left:
            _log.warning("stopped and given back, since they did not end in time: %d", len(left))
        for task in left:
            pool.kill(task, None)
        self._give_back(left)
        with self._lock:
            self._quiet.wait_for(self._is_quiet, _LAST_WRITES_S)

    def _is_quiet(self) -> bool:
        return not self._running and not self._claiming and not self._writing


def _nack(delivery: Delivery) -> None:
    delivery.message.nack()
