"""Messages that wait behind the first of their ordering key take room that others could use; some are given back.

A broker may send many messages of one key at once. google-cloud-pubsub (2.44) keeps all but the first until that one
is settled, and what it keeps counts for the broker as held: one key with a long job, or with one whose retry is due in
ten minutes, would leave no room for the jobs of any other key, and slots idle. What is given back comes again when
what is left of its key is settled, in its order: the first of a key stays, and nothing of the key begins elsewhere.
"""

from collections import deque
from operator import itemgetter
from typing import Any

from google.cloud.pubsub_v1.subscriber._protocol.requests import NackRequest

_MOST_DELIVERIES = 50
"""What was delivered more often is kept: each delivery counts for the broker's own dead-letter policy."""


class Crowd:
    """Looks whether a stream is stuck: it holds all that it may, and that has not changed since the last look.

    Args:
        manager: the client's own ``StreamingPullManager``.
        hold: the most messages to be held at once.
    """

    def __init__(self, manager: Any, hold: int) -> None:
        self._manager = manager
        self._hold = hold
        self._held: frozenset[str] = frozenset()

    def is_there(self) -> bool:
        """Whether messages that wait for the first of their key keep others from coming."""
        leaser = self._manager.leaser
        return leaser is not None and leaser.message_count >= self._hold and any(self._lines())

    def is_stuck(self) -> bool:
        """Whether it was there before, and none of it was settled since; asked at every look."""
        before, self._held = self._held, frozenset(self._manager.leaser.ack_ids) if self.is_there() else frozenset()
        return bool(before) and before == self._held

    def disperse(self) -> int:
        """Give back half of what waits, those that are furthest from their turn; returns how many that were."""
        with self._manager._pause_resume_lock:  # noqa: SLF001 - the client's own, of what it keeps
            taken = self._take_out()
            self._manager._messages_on_hold._size -= len(taken)  # noqa: SLF001 - as the client does itself
            self._manager._on_hold_bytes -= sum(message.size for message in taken)  # noqa: SLF001 - as above
            scheduler = self._manager._scheduler  # noqa: SLF001 - None once the stream ends, and all that waits with it
            for message in taken if scheduler is not None else ():
                # Without the key, or the client would hand on the next one of it.
                scheduler.queue.put(NackRequest(message.ack_id, message.size, None, None))
        return len(taken)

    def _lines(self) -> list[deque[Any]]:
        """What waits of each key, in order."""
        return list(self._manager._messages_on_hold._pending_ordered_messages.values())  # noqa: SLF001 - see the module

    def _take_out(self) -> list[Any]:
        lines = self._lines()
        places = sorted(((place, line) for line in lines for place in range(len(line))), key=itemgetter(0))
        taken = []
        for _, line in places[len(places) // 2 :][::-1]:
            if (line[-1].delivery_attempt or 0) <= _MOST_DELIVERIES:  # from the end: what stays must have no hole
                taken.append(line.pop())
        return taken
