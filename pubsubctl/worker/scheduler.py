"""What google-cloud-pubsub's subscriber asks of whoever runs its callbacks, for callbacks that only join a queue.

Two things of it need to be known (version 2.44):

* Its Scheduler decides in which thread callbacks run. Ours calls straight through.
* The Scheduler's queue is also where acks wait. Its reader waits up to 10 ms for more of them with a timed
  ``get``; a queue whose timed ``get`` does not wait sends at once, and what comes meanwhile is the next batch.
  (That reader tells the 10 ms by the machine's clock: set back by an hour, it would wait for an hour.)
"""

import logging
import queue
import time
from collections.abc import Callable
from typing import Any

from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.cloud.pubsub_v1.subscriber.scheduler import Scheduler

_log = logging.getLogger("pubsubctl.worker")


class EagerQueue(queue.SimpleQueue[Any]):
    """A queue whose timed ``get`` does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self._dead = False

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next item; with a timeout only if there is one already."""
        return super().get(block=block and timeout is None)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item; never waits. Once nobody reads, whoever waits for the item's answer is told so."""
        if self._dead and _refuse(item):
            return
        super().put(item, block, timeout)

    def die(self) -> None:
        """Nobody reads any more, but for the word to stop, which is all that the client's thread may still wait for."""
        self._dead = True
        for _ in range(self.qsize()):
            try:
                self.put(super().get(block=False))
            except queue.Empty:
                return


def _refuse(item: Any) -> bool:
    """Answer a request, if it is one."""
    future = getattr(item, "future", None)
    if future is not None and not future.done():
        future.set_exception(AcknowledgeError(AcknowledgeStatus.OTHER, "its stream has ended"))
    return hasattr(item, "ack_id")


class DirectScheduler(Scheduler):  # type: ignore[misc]
    """Calls straight through. One of these belongs to one stream.

    Args:
        on_shutdown: what to do when the stream ends. It may block: the client keeps every lease and sends every ack
            until it has returned.

    Attributes:
        heard_at: by ``time.monotonic``, when the last message came; at first when the stream was asked for.
        ended_at: by ``time.monotonic``, when ``on_shutdown`` had returned; None before.
    """

    def __init__(self, on_shutdown: Callable[[object], None]) -> None:
        self._queue = EagerQueue()
        self._on_shutdown = on_shutdown
        self.heard_at = time.monotonic()
        self.ended_at: float | None = None

    @property
    def queue(self) -> EagerQueue:
        """Where acks and the like wait for the client's dispatcher."""
        return self._queue

    def schedule(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call now, in the client's own thread, which holds a lock of the client's: nothing here may block."""
        self.heard_at = time.monotonic()
        callback(*args, **kwargs)

    def shutdown(self, await_msg_callbacks: bool = False) -> list[Any]:  # noqa: ARG002 - the signature is the client's
        """Called once by the client as the stream ends; there is nothing left that it has to nack."""
        try:
            self._on_shutdown(self)
        except Exception:  # noqa: BLE001 - see below
            # The client's own shutdown must go on, or its future never ends, and we with it.
            _log.exception("a stream did not end as it should")
        self.ended_at = time.monotonic()
        return []
