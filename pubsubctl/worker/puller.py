"""Pulls with google-cloud-pubsub's own subscriber, and subscribes anew whenever that has ended.

Three things of it need to be known (version 2.44):

* Its Scheduler decides in which thread callbacks run. Ours calls straight through: deliveries only join a queue.
* The Scheduler's queue is also where acks wait. Its reader waits up to 10 ms for more of them with a timed
  ``get``; a queue whose timed ``get`` does not wait sends at once, and what comes meanwhile is the next batch.
* After a minute without a broker its threads have died for good, and only the future tells.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from google.api_core import exceptions
from google.cloud.pubsub_v1.subscriber.scheduler import Scheduler
from google.cloud.pubsub_v1.types import FlowControl

from pubsubctl.broker.connection import Connection, answers
from pubsubctl.worker.delivery import Message

_log = logging.getLogger("pubsubctl.worker")

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 10.0
_LOOK_S = 5.0
_LASTING_S = 30.0
"""How long a stream must have lived for the next one to be tried without delay."""
_MOST_BYTES = 256 * 1024 * 1024
_HOPELESS = (exceptions.NotFound, exceptions.PermissionDenied, exceptions.Unauthenticated, exceptions.InvalidArgument)


class Sink(Protocol):
    """Where deliveries go; see ``Execution``."""

    def deliver(self, message: Message, stream: object) -> None:
        """Take a message."""

    def abandon(self, stream: object) -> None:
        """Forget what came by a stream that has died."""

    def drain(self, timeout_s: float) -> None:
        """Give back what has not begun, end what runs."""


class EagerQueue(queue.SimpleQueue[Any]):
    """A queue whose timed ``get`` does not wait."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next item; with a timeout only if there is one already."""
        return super().get(block=block and timeout is None)


class DirectScheduler(Scheduler):  # type: ignore[misc]
    """Calls straight through. One of these belongs to one stream.

    Args:
        on_shutdown: what to do when the stream ends. It may block: the client keeps every lease and sends every ack
            until it has returned.
    """

    def __init__(self, on_shutdown: Callable[[object], None]) -> None:
        self._queue = EagerQueue()
        self._on_shutdown = on_shutdown

    @property
    def queue(self) -> EagerQueue:
        """Where acks and the like wait for the client's dispatcher."""
        return self._queue

    def schedule(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call now, in the client's own thread, which holds a lock of the client's: nothing here may block."""
        callback(*args, **kwargs)

    def shutdown(self, await_msg_callbacks: bool = False) -> list[Message]:  # noqa: ARG002 - the signature is the client's
        """Called once by the client as the stream ends; there is nothing left that it has to nack."""
        try:
            self._on_shutdown(self)
        except Exception:  # noqa: BLE001 - see below
            # The client's own shutdown must go on, or its future never ends, and we with it.
            _log.exception("a stream did not end as it should")
        return []


class Puller:
    """A thread that keeps a stream open until it is told to stop.

    Args:
        hold: the most messages to be held at once.
        lease_s: how long a lease at the broker lasts; the client renews it.
        drain_timeout_s: how long the sink may take to drain.
        on_hopeless: told why no stream can be had.
    """

    def __init__(
        self,
        connection: Connection,
        subscription: str,
        sink: Sink,
        *,
        hold: int,
        lease_s: int,
        drain_timeout_s: float,
        on_hopeless: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._subscription = subscription
        self._sink = sink
        self._flow = FlowControl(
            max_messages=hold,
            max_bytes=_MOST_BYTES,
            # It counts from the callback on, waiting included: with a limit, a job that waited long runs twice.
            max_lease_duration=math.inf,
            # Both, so that neither the client's histogram nor its default of 600 s decides about redelivery.
            min_duration_per_lease_extension=lease_s,
            max_duration_per_lease_extension=lease_s,
        )
        self._drain_timeout_s = drain_timeout_s
        self._on_hopeless = on_hopeless
        self._stop = threading.Event()
        self._future: Any = None
        self._away = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="puller", daemon=True)

    def start(self) -> None:
        """Begin pulling."""
        self._thread.start()

    def stop(self) -> None:
        """Stop pulling, let the sink drain, return when every ack has been sent or the client has given up on it."""
        with self._lock:
            self._stop.set()
            if self._future is not None:
                self._future.cancel()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause, drained = _FIRST_PAUSE_S, False
        while not self._stop.is_set():
            began = time.monotonic()
            error = self._pull()
            drained = self._stop.is_set() and error is None
            if error is None:
                continue
            if isinstance(error, _HOPELESS):
                self._on_hopeless(_text(error))
                break
            if time.monotonic() - began > _LASTING_S:
                pause = _FIRST_PAUSE_S
            self._complain(
                f"the stream from the broker has ended, and a new one is tried until one lasts: {_text(error)}"
            )
            self._stop.wait(pause)
            pause = min(pause * 2, _LAST_PAUSE_S)
        if not drained:  # there is no stream whose end would do it
            self._sink.drain(self._drain_timeout_s)

    def _pull(self) -> BaseException | None:
        """Keep one stream open until it ends; returns why, None if we ended it."""
        scheduler = DirectScheduler(self._stream_ended)
        client = None
        try:
            client = self._connection.streaming()
            with self._lock:
                if self._stop.is_set():
                    return InterruptedError()
                future = client.subscribe(
                    self._subscription,
                    callback=lambda message: self._deliver(message, scheduler),
                    flow_control=self._flow,
                    scheduler=scheduler,
                    # Only handed on to our scheduler, whose shutdown blocks whenever the sink has to drain.
                    await_callbacks_on_shutdown=True,
                )
                self._future = future
            self._follow(future)
        except Exception as error:  # noqa: BLE001 - whatever ended it, another stream is tried
            return error
        finally:
            with self._lock:
                self._future = None
            if client is not None:
                client.close()
        return None

    def _follow(self, future: Any) -> None:
        """Wait for the end of a stream; meanwhile look whether the broker is still there: the client never tells."""
        while True:
            try:
                future.result(timeout=_LOOK_S)
            except TimeoutError:
                address = self._connection.address
                if answers(address):
                    self._recover()
                else:
                    self._complain(f"no broker answers at {address.place}; the stream goes on when it is back")
            else:
                return

    def _deliver(self, message: Message, stream: object) -> None:
        self._recover()
        self._sink.deliver(message, stream)

    def _complain(self, text: str) -> None:
        """Log a change of state, not every attempt."""
        if not self._away:
            _log.error("%s", text)
        self._away = True

    def _recover(self) -> None:
        if self._away:
            self._away = False
            _log.warning("the broker is back")

    def _stream_ended(self, stream: object) -> None:
        if self._stop.is_set():
            self._sink.drain(self._drain_timeout_s)
        else:
            self._sink.abandon(stream)


def _text(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
