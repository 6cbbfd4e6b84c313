"""What a worker has in hand: every delivery that it was given and has not settled, by how far it has come.

::

    (turns) -> inbox -> claiming -> running -> writing -> settled
                 ^  parking  <-  refused, or to be retried in the order of its key
                 ^  aside    <-  come again, while its very message is further on
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from pubsubctl.worker.delivery import Delivery
from pubsubctl.worker.ordering import Turns
from pubsubctl.worker.parking import Parking
from pubsubctl.worker.task import Task


class InHand:
    """Any thread may call it.

    Attributes:
        lock: held by whoever needs several of its steps to be one.
        closed: nothing new is begun; what has not begun was given back.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.closed = False
        self._quiet = threading.Condition(self.lock)
        self._turns = Turns()
        self._inbox: deque[Delivery] = deque()
        self._parking = Parking()
        self._first: set[tuple[str | None, str]] = set()
        self._aside: dict[tuple[str | None, str], list[Delivery]] = {}
        self._claiming = 0
        self._running: dict[Task, Delivery] = {}
        self._writing = 0
        self._hurried = False

    @property
    def busy(self) -> int:
        """How many jobs are claimed and have not ended."""
        return len(self._running)

    @property
    def has_unclaimed(self) -> bool:
        """Whether anything waits to be claimed, as seen without the lock: whoever adds to it looks afterwards."""
        return bool(self._inbox)

    # --- on its way -------------------------------------------------------------------------------------------------

    def arrived(self, deliveries: Iterable[Delivery]) -> bool:
        """Take deliveries in; False if nothing is taken any more."""
        with self.lock:
            if not self.closed:
                self._inbox.extend(
                    each for each in deliveries if not each.message.ordering_key or self._turns.take(each)
                )
            return not self.closed

    def returned(self, delivery: Delivery) -> bool:
        """Take a delivery back in that had its turn; False if nothing is taken any more."""
        with self.lock:
            if not self.closed:
                self._inbox.appendleft(delivery)
            return not self.closed

    def claimable(self, room: Callable[[], int], fit: Callable[[Delivery], bool]) -> list[Delivery]:
        """Take out the next ones to be claimed: as many as there is room for, passing over what is not fit.

        What comes again while its very message is claimed, or runs, here is set aside until ``over``: the store could
        only say that it is held.
        """
        chosen: list[Delivery] = []
        with self.lock:
            if self.closed or not self._inbox:
                return chosen
            free = room() - self._claiming
            while self._inbox and len(chosen) < free:
                delivery = self._inbox.popleft()
                if delivery.envelope is None and not fit(delivery):
                    continue
                if (same := delivery.same) in self._first:
                    self._aside.setdefault(same, []).append(delivery)
                else:
                    self._first.add(same)
                    chosen.append(delivery)
            self._claiming += len(chosen)
        return chosen

    def over(self, delivery: Delivery) -> bool:
        """What was claimed for a delivery has ended; whether it came again meanwhile, which can be claimed now."""
        with self.lock:
            same = delivery.same
            self._first.discard(same)
            again = self._aside.pop(same, ())
            self._inbox.extend(again)
            return bool(again)

    def answered(self, claims: int, granted: dict[Task, Delivery]) -> None:
        """Some claims were answered, and these granted."""
        with self.lock:
            self._claiming -= claims
            self._running.update(granted)
            self._quiet.notify_all()

    def ended(self, task: Task) -> Delivery | None:
        """A job runs no more, and that is about to be written; its delivery, unless it was let go of."""
        with self.lock:
            self._writing += 1
            return self._running.pop(task, None)

    def let_go(self, task: Task) -> Delivery | None:
        """A job is ours no more, and nothing is written."""
        with self.lock:
            self._quiet.notify_all()
            return self._running.pop(task, None)

    def writing(self) -> None:
        """Something is about to be written."""
        with self.lock:
            self._writing += 1

    def written(self, count: int = 1) -> None:
        """It is written, or so many are, and whatever follows from that was done."""
        with self.lock:
            self._writing -= count
            self._quiet.notify_all()

    def settled(self, delivery: Delivery) -> bool:
        """A delivery with an ordering key is no more in hand; whether another of the key has the turn now."""
        with self.lock:
            if self.closed:
                return False
            following = self._turns.end(delivery.message.ordering_key)
            if following is not None:
                self._inbox.append(following)
            return following is not None

    # --- waiting ----------------------------------------------------------------------------------------------------

    def park(self, delivery: Delivery, wait_s: float, then: Callable[[Delivery], None]) -> bool:
        """Keep a delivery for a while; False if nothing is kept any more."""
        with self.lock:
            if not self.closed:
                self._parking.park(delivery, time.monotonic() + wait_s, then)
            return not self.closed

    def due(self) -> list[tuple[Delivery, Callable[[Delivery], None]]]:
        """Take out what was kept long enough, with what is to be done with it."""
        with self.lock:
            return self._parking.due(time.monotonic())

    # --- giving back ------------------------------------------------------------------------------------------------

    def spare(self, stream: object) -> list[Delivery]:
        """Take out what waits to be claimed and has no ordering key, but for what came by that stream.

        What has one stays: later messages of the key, which may be under way to us by another stream, must not be
        before it.
        """

        def stays(delivery: Delivery) -> bool:
            return bool(delivery.message.ordering_key) or delivery.stream is stream

        with self.lock:
            gone = [delivery for delivery in self._inbox if not stays(delivery)]
            if gone:
                self._inbox = deque(delivery for delivery in self._inbox if stays(delivery))
            return gone

    def thin_out(self, most_deliveries: float) -> list[Delivery]:
        """Take out some of what waits for its turn; see ``Turns.thin_out``."""
        with self.lock:
            return self._turns.thin_out(most_deliveries)

    def close(self) -> list[Delivery]:
        """Take nothing in any more; returns what was not claimed, those of an ordering key in order.

        What waits behind a claimed one of its key is not among them: others must not begin it before that is settled.
        """
        with self.lock:
            self.closed = True
            aside = [delivery for again in self._aside.values() for delivery in again]
            unclaimed = [*self._parking.clear(), *self._inbox, *aside]
            self._inbox.clear()
            self._aside.clear()
            return [*unclaimed, *(each for delivery in unclaimed for each in self.followers(delivery))]

    def followers(self, delivery: Delivery) -> list[Delivery]:
        """Once nothing is taken in any more: take out what waits behind a delivery of its key, in order."""
        with self.lock:
            key = delivery.message.ordering_key
            return self._turns.leave(key) if key and self.closed else []

    def hurry(self) -> None:
        """Wait no longer for what runs."""
        with self.lock:
            self._hurried = True
            self._quiet.notify_all()

    def wait_for_the_running(self, timeout_s: float) -> list[Task]:
        """Wait until everything has ended and is written, for as long as nobody is in a hurry; returns what runs on."""
        with self.lock:
            self._quiet.wait_for(lambda: self._is_quiet() or self._hurried, timeout_s)
            return list(self._running)

    def wait_until_written(self, timeout_s: float) -> None:
        """Wait until everything is written, hurry or not."""
        with self.lock:
            self._quiet.wait_for(self._is_quiet, timeout_s)

    def _is_quiet(self) -> bool:
        return not self._running and not self._claiming and not self._writing
