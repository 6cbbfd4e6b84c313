"""From a delivery to its acknowledgement: decode, claim, run, record, and only then ack.

Deliveries wait here, unclaimed, until a child has room. Whatever happens to one ends in exactly one of: ack (the
store has its outcome), nack (somebody else should have it now), or letting its lease lapse (somebody else has it).
One that can be claimed only later, since its lease runs elsewhere or its retry is not due, is parked: its place in
the order of its key is kept, and nothing spins. One with an ordering key is not let go of before its job has ended,
wherever it runs: the next of its key would begin.
"""

import logging
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Response
from pubsubctl.faults import point
from pubsubctl.job import JobState
from pubsubctl.store.claims import Claimed, Lease, Outcome, Refused
from pubsubctl.worker.delivery import Delivery, Message, Terms, nack
from pubsubctl.worker.gears import Tempo
from pubsubctl.worker.inhand import InHand
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.outcome import Answered, Died, Ending, Unkept, outcome_of
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.reading import Reader, Unfit
from pubsubctl.worker.recorder import Recorder
from pubsubctl.worker.settling import Settling
from pubsubctl.worker.spans import Spans
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_LAST_WRITES_S = 5.0
"""How long a drain waits for what it has stopped, and for the store to take what it was given last."""
_DYING_S, _LOOK_S = 4.0, 0.01
"""How long it waits for processes that it has stopped to be dead, and how often it looks."""


class Execution:
    """Everything between the puller, the pool and the recorder. Any thread may call it; only ``drain`` blocks.

    Args:
        clock: the store's, by which it is told how old a message is.
    """

    def __init__(
        self,
        terms: Terms,
        recorder: Recorder,
        *,
        on_loaded: Callable[[], None],
        on_dead_letter: Callable[[], None],
        on_failure: Callable[[str], None],
        on_dropped: Callable[[Response | None], None] = lambda _: None,
        meters: Meters | None = None,
        spans: Spans | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._terms = terms
        self._recorder = recorder
        self._on_loaded = on_loaded
        self._on_failure = on_failure
        self._meters = meters or Meters()
        self._spans = spans or Spans()
        self._clock = clock
        self._pool: Pool | None = None
        self._reader = Reader(terms)
        self._hand = InHand()
        self._lost: set[Task] = set()  # stopped for that, and not ended yet
        self._settling = Settling(
            terms,
            self._hand,
            recorder,
            self._meters,
            pump=self._pump,
            on_dead_letter=on_dead_letter,
            on_dropped=on_dropped,
        )
        self._bodies = Presence("bodies that are kept apart can be read and kept again")
        recorder.on_told = self._settling.flush
        self._tells_of_order = not terms.ordered
        self._jitter = random.Random()  # noqa: S311 - it spreads retries, it guards nothing

    def attach(self, pool: Pool) -> None:
        """Say which pool runs the jobs."""
        self._pool = pool

    @property
    def busy(self) -> int:
        """How many jobs are claimed and have not ended."""
        return self._hand.busy

    def running(self) -> int:
        """How many jobs run, or are about to."""
        return self._hand.busy

    def tempo(self) -> Tempo:
        """How jobs go."""
        return Tempo(math.inf, 0.0) if self._pool is None else self._pool.tempo()

    # --- from the puller --------------------------------------------------------------------------------------------

    def deliver(self, messages: Sequence[Message], stream: object) -> None:
        """Take messages that arrived, in their order."""
        for _ in messages:
            point("delivered")
        with self._hand.lock:
            self._meters.deliveries += len(messages)
            self._meters.redeliveries += sum(1 for message in messages if message.delivery_attempt > 1)
            taken = self._hand.arrived(Delivery(message, stream) for message in messages)
        if taken:
            self._pump()
        else:
            nack(messages)

    def spare(self, stream: object | None, *, claimed: bool) -> None:
        """Give back what was not claimed, but for what came by that stream: others may have it.

        Args:
            stream: what came by it is kept; None: nothing is.
            claimed: jobs are long now: those that were claimed ahead, and wait for room, are others', too.
        """
        nack([delivery.message for delivery in self._hand.spare(stream)])
        if claimed and self._pool is not None:
            self._give_back(self._pool.take_waiting(), self._settling.spared)

    def thin_out(self, most_deliveries: float) -> int:
        """Give back some of what waits behind others of its ordering key, and keeps other keys away.

        It comes again when what is left of its key is settled, in its order: the first of a key stays, and nothing of
        the key begins elsewhere.
        """
        taken = self._hand.thin_out(most_deliveries)
        if taken:
            nack([delivery.message for delivery in taken])
            _log.info("given back, since they wait behind others of their key and keep jobs away: %d", len(taken))
        return len(taken)

    def drain(self, timeout_s: float) -> None:
        """Begin nothing more, give back what has not begun, let what runs end for up to ``timeout_s``.

        Blocks until every outcome is recorded and acked.
        """
        self._settling.nack_all(self._hand.close())
        if self._pool is not None:
            self._finish_running(self._pool, timeout_s)

    def is_hungry(self) -> bool:
        """Whether children have room, and nothing waits to be claimed."""
        free = self._pool is not None and self._recorder.available and self._pool.room() > 0
        return free and not self._hand.has_unclaimed

    def hurry(self) -> None:
        """Let a drain wait no longer for what runs."""
        self._hand.hurry()

    # --- from the pool ----------------------------------------------------------------------------------------------

    def loaded(self) -> None:
        """A child has loaded the application."""
        self._on_loaded()

    def room_made(self) -> None:
        """A child can take more than it has."""
        if self._hand.closed and self._pool is not None:
            self._give_back(self._pool.take_back())
        else:
            self._pump()

    def ended(self, endings: Sequence[tuple[Task, Ending]]) -> None:
        """Attempts have ended: have that recorded, and others claimed in the same commit."""
        for _ in endings:
            point("ended")
        with self._hand.lock:
            deliveries = [self._hand.ended(task) for task, _ in endings]
            for task, _ in endings:
                self._lasted(task)
        with self._recorder.together():
            self._recorder.record([self._to_record(*each) for each in zip(deliveries, endings, strict=True)])
            self.room_made()
        for _, ending in endings:
            self._tell_of_bodies(ending)

    def _tell_of_bodies(self, ending: Ending) -> None:
        """One line when the payload place goes away, and one when it is back."""
        if isinstance(ending, Unkept) and not ending.damaged:
            self._bodies.missed_by("children", f"jobs wait for bodies that are kept apart: {ending.error}")
        elif isinstance(ending, Answered) and ending.response.payload is not None:
            self._bodies.found_by("children")

    def _to_record(
        self, delivery: Delivery | None, ended: tuple[Task, Ending]
    ) -> tuple[Outcome, Callable[[bool], None]]:
        task, ending = ended
        now = time.time()  # whatever the store says: a date in Retry-After is by the application's clock, and so ours
        outcome = outcome_of(task.claimed, ending, now=now, jitter=self._jitter, retry_on=self._terms.retry_on)
        if outcome.state is JobState.RETRYING and delivery is not None and delivery.message.ordering_key:
            outcome = replace(outcome, held=True)
        return outcome, self._spans.until_recorded(outcome, partial(self._settling.recorded, delivery, outcome))

    def interrupted(self, task: Task) -> None:
        """A job was stopped for no fault of its own: it is asked for once more, if it may be."""
        self._stopped([task], "its process was stopped because of another job")

    def stopped(self, task: Task) -> None:
        """A job that was cancelled, or that a drain gives back, has ended: the former has its log written here."""
        if task in self._lost and task.log:
            self._recorder.release(_lease(task), lambda: None)
        self._lost.discard(task)

    def failed(self, error: ApplicationError) -> None:
        """The application cannot be loaded."""
        self._on_failure(str(error))

    # --- from the keeper --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the clock: whose time has come goes on."""
        for delivery, then in self._hand.due():
            then(delivery)
        self.room_made()

    def lost(self, tasks: Iterable[Task]) -> None:
        """These were cancelled, or taken over by another worker: stop them, and do not ack for that other."""
        for task in tasks:
            if task in self._lost:  # it takes a moment to die
                continue
            self._lost.add(task)
            stopped = self._pool is not None and self._pool.kill(task, None)
            if stopped:
                self._lasted(task)
                self._spans.give_up(task, "lost", "it was cancelled, or another worker took over")
                self._settling.lost(task)
            if not stopped or task.began_at is None:  # its end is not told, or was before
                self._lost.discard(task)

    # --- the way of a delivery --------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Claim as many deliveries as the children have room for."""
        if not self._hand.has_unclaimed or self._pool is None or not self._recorder.available:
            return
        unfit: list[tuple[Delivery, Unfit, str]] = []

        def fit(delivery: Delivery) -> bool:
            found = self._reader.read(delivery)
            if found is not None:
                unfit.append((delivery, *found))
            return found is None

        deliveries = self._hand.claimable(self._pool.room, fit)
        if deliveries:
            claims = [delivery.claim(self._terms, self._clock()) for delivery in deliveries]
            with self._hand.lock:
                for claim in claims:
                    self._meters.queue_times.observe(claim.age_s)
            self._recorder.claim(claims, partial(self._answered, deliveries))
        for each in unfit:
            self._settling.turned_away(*each)

    def _answered(self, deliveries: list[Delivery], answers: list[Claimed | Refused]) -> None:
        point("claimed")
        granted: dict[Task, Delivery] = {}
        refused: list[tuple[Delivery, Refused]] = []
        for delivery, answer in zip(deliveries, answers, strict=True):
            if isinstance(answer, Claimed):
                granted[self._task(delivery, answer)] = delivery
            else:
                refused.append((delivery, answer))
        for _ in refused:
            self._hand.writing()
        self._hand.answered(len(deliveries), granted)
        if self._tells_of_order and any(each.message.ordering_key for each in deliveries):
            self._tell_of_order()
        for delivery, refusal in refused:
            self._settling.refused(delivery, refusal)
        if self._hand.closed:
            self._give_back(granted)
        elif self._pool is not None:
            self._pool.run(granted)
            self._pump()

    def _tell_of_order(self) -> None:
        self._tells_of_order = False  # once is enough
        _log.warning(
            "jobs with an ordering key come by a subscription without message ordering, and may run in any order; a "
            "subscription has that from its beginning: `pubsubctl setup --enable-message-ordering --subscription NAME`"
        )

    def _task(self, delivery: Delivery, claimed: Claimed) -> Task:
        request = self._spans.begin(delivery, claimed)
        return Task(claimed, request, claimed.timeout_s or self._terms.job_timeout_s)

    def _lasted(self, task: Task) -> None:
        """An attempt has ended: count how long it ran."""
        if task.began_at is not None:
            with self._hand.lock:
                self._meters.durations.observe(time.monotonic() - task.began_at)

    # --- giving back ------------------------------------------------------------------------------------------------

    def _give_back(self, tasks: Iterable[Task], then: Callable[[Delivery], None] | None = None) -> None:
        """Release attempts that were not made.

        Args:
            tasks: which.
            then: what becomes of each message once that is written; it is asked for anew unless said otherwise.
        """
        for task in tasks:
            self._spans.give_up(task, "released")
            delivery = self._hand.ended(task)
            self._recorder.release(_lease(task), partial(self._released, delivery, then or self._settling.returned))

    def _released(self, delivery: Delivery | None, then: Callable[[Delivery], None]) -> None:
        self._meters.attempts["released"] += 1
        if delivery is not None:
            then(delivery)
        self._hand.written()
        self._pump()

    def _stopped(self, tasks: Iterable[Task], why: str) -> None:
        """Attempts were stopped by us: released, unless they had begun where nothing may begin a second time."""
        for task in tasks:
            if self._terms.retry_on.crash or task.began_at is None:
                self._give_back([task])
            else:
                self.ended([(task, Died(why, task.log))])

    def _finish_running(self, pool: Pool, timeout_s: float) -> None:
        """Wait for what runs; stop and give back what does not end in time."""
        self._give_back(pool.take_back())
        left = self._hand.wait_for_the_running(timeout_s)
        if left:
            _log.warning("stopped and given back, since they did not end in time: %d", len(left))
        # What the pool has no more has just ended: that is recorded.
        stopped = [task for task in left if pool.kill(task, None)]
        deadline = time.monotonic() + _LAST_WRITES_S
        self._wait_for_the_death(pool, stopped)
        self._stopped(stopped, "it did not end before its worker had to")
        self._hand.wait_until_written(deadline - time.monotonic())

    def _wait_for_the_death(self, pool: Pool, stopped: list[Task]) -> None:
        """Who is given these next must not run them beside a process that is still about to die."""
        deadline = time.monotonic() + _DYING_S
        while not set(stopped).isdisjoint(pool.tasks()) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)


def _lease(task: Task) -> Lease:
    return Lease(task.job_id, task.claimed.attempt, log=task.log)
