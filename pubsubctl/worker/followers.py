"""Messages that wait behind the first of their ordering key take room that others could use; some are given back.

A broker may send many messages of one key at once. google-cloud-pubsub (2.44) keeps all but the first until that one
is settled, and what it keeps counts for the broker as held: one key with a long job, or with one whose retry is due in
ten minutes, would leave no room for the jobs of any other key, and slots idle. What is given back comes again when
what is left of its key is settled, in its order: the first of a key stays, and nothing of the key begins elsewhere.
"""

import logging
import math
from collections import deque
from operator import itemgetter
from typing import Any

from google.cloud.pubsub_v1.subscriber._protocol.requests import NackRequest

_log = logging.getLogger("pubsubctl.worker")


class Followers:
    """Those of one stream, as the client keeps them. Belongs to one thread.

    All of it is the client's own, and may be different in another version: then nothing is ever given back.

    Args:
        manager: the client's own ``StreamingPullManager``.
        hold: the most messages to be held at once.
        most_deliveries: what was delivered more often is kept, since each delivery counts for the broker's own
            dead-letter policy.
    """

    def __init__(self, manager: Any, hold: int, *, most_deliveries: float = math.inf) -> None:
        self._manager = manager
        self._hold = hold
        self._most_deliveries = most_deliveries
        self._held: frozenset[str] = frozenset()

    def are_in_the_way(self) -> bool:
        """Whether the stream holds all that it may, some of it followers."""
        leaser = self._manager.leaser
        return leaser is not None and leaser.message_count >= self._hold and any(self._lines())

    def are_stuck(self) -> bool:
        """Whether they were in the way before, and nothing was settled since; asked at every look."""
        held = self._manager.leaser.ack_ids if self.are_in_the_way() else ()
        before, self._held = self._held, frozenset(held)
        return bool(before) and before == self._held

    def give_back(self) -> None:
        """Give back half of them, those that are furthest from their turn."""
        try:
            dispatcher = self._manager._dispatcher  # noqa: SLF001 - None once the stream ends, and all that waits with it
            with self._manager._pause_resume_lock:  # noqa: SLF001 - the client's own, of what it keeps
                taken = self._take_out() if dispatcher is not None else []
            if taken:
                # In one call, or what is sent again in between would be behind what it was before. And without the
                # key, or the client would hand on the next one of it.
                dispatcher.nack([NackRequest(message.ack_id, message.size, None, None) for message in taken])
                _log.info("given back, since they wait behind others of their key and keep jobs away: %d", len(taken))
        except Exception as error:  # noqa: BLE001 - another client, or a broker that is away: nobody's jobs depend on it
            _log.debug("messages behind others of their key cannot be given back: %r", error)

    def _lines(self) -> list[deque[Any]]:
        """What waits of each key, in order."""
        on_hold = getattr(self._manager, "_messages_on_hold", None)
        return list(getattr(on_hold, "_pending_ordered_messages", {}).values())

    def _take_out(self) -> list[Any]:
        on_hold = self._manager._messages_on_hold  # noqa: SLF001 - see the module
        if on_hold._messages_on_hold:  # noqa: SLF001 - some of them may be of these keys, and behind what is taken
            return []
        lines = self._lines()
        places = sorted(((place, line) for line in lines for place in range(len(line))), key=itemgetter(0))
        taken = []
        for _, line in places[len(places) // 2 :][::-1]:
            if (line[-1].delivery_attempt or 0) <= self._most_deliveries:  # from the end: what stays must have no hole
                taken.append(line.pop())
        on_hold._size -= len(taken)  # noqa: SLF001 - as the client does itself
        self._manager._on_hold_bytes -= sum(message.size for message in taken)  # noqa: SLF001 - as above
        return taken[::-1]
