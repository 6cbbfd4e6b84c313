"""What becomes of a delivery: acked, nacked, parked, or let go of so that its lease may lapse."""

import logging
from collections.abc import Callable, Iterable

from pubsubctl.exchange import Response
from pubsubctl.faults import point
from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Outcome, Refusal, Refused
from pubsubctl.store.messages import Burial
from pubsubctl.worker.delivery import Delivery, Message, Terms, ack, nack
from pubsubctl.worker.inhand import InHand
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.reading import Unfit
from pubsubctl.worker.recorder import Recorder
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_BUSY_PAUSE_S = 1.0
"""How often a job that runs under another message is looked after, where the next of its key waits for it."""
_DYING_S = 2.0
"""How long a process that is stopped may take to be dead: what follows in the order of a key begins after that."""


class Settling:
    """Settles deliveries, each once. A delivery with an ordering key is not let go of before its job has ended.

    Args:
        pump: claims what can be claimed; called where the next of a key has its turn.
        on_dead_letter: told that a dead letter is to be mirrored.
        on_dropped: told of an answer that counts for nothing.
    """

    def __init__(
        self,
        terms: Terms,
        hand: InHand,
        recorder: Recorder,
        meters: Meters,
        *,
        pump: Callable[[], None],
        on_dead_letter: Callable[[], None],
        on_dropped: Callable[[Response | None], None] = lambda _: None,
    ) -> None:
        self._terms = terms
        self._hand = hand
        self._recorder = recorder
        self._meters = meters
        self._pump = pump
        self._on_dead_letter = on_dead_letter
        self._on_dropped = on_dropped
        self._foreign_stores: set[str] = set()
        self._told = 0
        self._acks: list[Message] = []  # of what the recorder's thread is about to have told everybody

    def turned_away(self, delivery: Delivery, why: Unfit, text: str) -> None:
        """It is no job of ours; see ``Reader.read`` for ``text``."""
        if why is Unfit.MALFORMED:
            self._bury(delivery, Reason.MALFORMED, text)
        else:
            self._tell_of(text, delivery.message.message_id)
            self._park(delivery, self._terms.nack_pause_s, self._nack)

    def refused(self, delivery: Delivery, answer: Refused) -> None:
        """Its claim was not granted; to be called between ``InHand.writing`` and ``flush``."""
        self._told += 1
        self._meters.refusals[answer.refusal] += 1
        self._hand.over(delivery)
        match answer.refusal:
            case Refusal.HELD:
                self._park(delivery, answer.wait_s, self.readmit)
            case Refusal.NOT_DUE if delivery.message.ordering_key:
                self._park(delivery, answer.wait_s, self.readmit)
            case Refusal.BUSY if delivery.message.ordering_key:
                self._park(delivery, _BUSY_PAUSE_S, self.readmit)
            case Refusal.FORGOTTEN:
                error = f"its message is older than results are kept ({self._terms.result_ttl_s:g} s)"
                self._bury(delivery, Reason.FORGOTTEN, error)
            case Refusal.CRASHED:
                self._ack(delivery)
                self._on_dead_letter()
            case _:
                self._ack(delivery)  # it has ended, or another message or the sweeper takes care of it

    def recorded(self, delivery: Delivery | None, outcome: Outcome, accepted: bool) -> None:
        """An outcome is durable, or was refused."""
        point("recorded")
        self._meters.attempts[outcome.state if accepted else "late"] += 1
        if not accepted or outcome.state is JobState.RETRYING:
            self._on_dropped(outcome.response)
        if accepted:
            self._accepted(delivery, outcome)
        else:
            _log.warning(
                "the result of job %s came too late and is dropped: it is not ours any more",
                outcome.job_id,
                extra={"job_id": outcome.job_id, "attempt": outcome.attempt},
            )
            if delivery is not None:
                self._overtaken(delivery)
        if delivery is not None:
            self._over(delivery)
        self._told += 1

    def lost(self, task: Task) -> None:
        """A job was cancelled, or taken over by another worker, and was stopped here."""
        self._meters.attempts["lost"] += 1
        _log.info(
            "job %s is ours no more and is stopped",
            task.job_id,
            extra={"job_id": task.job_id, "attempt": task.claimed.attempt},
        )
        delivery = self._hand.let_go(task)
        if delivery is not None:
            self._overtaken(delivery, _DYING_S)
            self._over(delivery)

    def returned(self, delivery: Delivery) -> None:
        """Its attempt was given back."""
        self._hand.over(delivery)
        self.readmit(delivery)

    def spared(self, delivery: Delivery) -> None:
        """Its attempt was given back, so that another worker may have it; in the order of a key it keeps its turn."""
        self._over(delivery)
        if delivery.message.ordering_key:
            self.readmit(delivery)
        else:
            delivery.message.nack()

    def readmit(self, delivery: Delivery) -> None:
        """Have it claimed once more; in a drain somebody else may."""
        if not self._hand.returned(delivery):
            self._give_back(delivery)

    def nack_all(self, deliveries: Iterable[Delivery]) -> None:
        """Give back what waited here, in its order; nothing is claimed any more."""
        nack([delivery.message for delivery in deliveries])

    def flush(self) -> None:
        """Ack what is to be acked, all at once: the recorder has told of all that one commit wrote."""
        acks, self._acks = self._acks, []
        ack(acks)
        told, self._told = self._told, 0
        for _ in range(told):
            point("acked")
        self._hand.written(told)  # only now, since who drains does not wait longer

    def _accepted(self, delivery: Delivery | None, outcome: Outcome) -> None:
        if outcome.held:
            if delivery is not None:
                self._park(delivery, outcome.retry_in_s, self.readmit)
            return
        if delivery is not None:
            self._ack(delivery)
        if outcome.dead_letter:
            _log.warning(
                "job %s is given up: %s",
                outcome.job_id,
                outcome.error,
                extra={"job_id": outcome.job_id, "attempt": outcome.attempt},
            )
            self._on_dead_letter()

    def _overtaken(self, delivery: Delivery, dying_s: float = 0.0) -> None:
        """Its job is another's: the lease may lapse. In the order of a key it waits until that other has ended."""
        if delivery.message.ordering_key:
            self._park(delivery, dying_s, self.readmit)
            self._pump()
        else:
            delivery.message.drop()

    def _over(self, delivery: Delivery) -> None:
        if self._hand.over(delivery):
            self._pump()

    def _bury(self, delivery: Delivery, reason: Reason, error: str) -> None:
        self._hand.writing()
        burial = delivery.burial(self._terms, reason, error)
        self._recorder.bury(burial, lambda: self._buried(delivery, burial))

    def _buried(self, delivery: Delivery, burial: Burial) -> None:
        if burial.reason is Reason.MALFORMED:
            _log.warning(
                "message %s is malformed, and goes to the dead letters: %s",
                burial.message_id,
                burial.error,
                extra={"job_id": burial.job_id},
            )
        self._ack(delivery)
        self._on_dead_letter()
        self._told += 1

    def _park(self, delivery: Delivery, wait_s: float, then: Callable[[Delivery], None]) -> None:
        if wait_s <= 0:
            then(delivery)
        elif not self._hand.park(delivery, wait_s, then):
            self._give_back(delivery)

    def _ack(self, delivery: Delivery) -> None:
        if delivery.message.ordering_key:
            delivery.message.ack()  # now: others of its key may be given back next, and not before it
        else:
            self._acks.append(delivery.message)
        self._settled(delivery)

    def _nack(self, delivery: Delivery) -> None:
        delivery.message.nack()
        self._settled(delivery)

    def _settled(self, delivery: Delivery) -> None:
        if delivery.message.ordering_key:
            if self._hand.settled(delivery):
                self._pump()
            self.nack_all(self._hand.followers(delivery))

    def _give_back(self, delivery: Delivery) -> None:
        """In a drain, with what waits behind it in the order of its key."""
        self.nack_all([delivery, *self._hand.followers(delivery)])

    def _tell_of(self, store_id: str, message_id: str) -> None:
        """Once for each store."""
        if store_id not in self._foreign_stores:
            self._foreign_stores.add(store_id)
            _log.error(
                "message %s is of another store (%s, ours is %s) and is not run: its submitter would wait for ever; "
                "give workers and submitters of a subscription the same --store",
                message_id,
                store_id,
                self._terms.store_id,
            )
