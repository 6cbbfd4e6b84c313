"""One stream from the broker: google-cloud-pubsub's subscriber, opened as a worker needs it."""

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from google.api_core import exceptions, retry
from google.api_core.timeout import ConstantTimeout
from google.cloud.pubsub_v1.types import FlowControl

from pubsubctl.worker.delivery import Message
from pubsubctl.worker.scheduler import DirectScheduler

_MOST_BYTES = 256 * 1024 * 1024
_CONNECT_S, _LOOK_S = 10.0, 0.2
_CLOSE_S = 0.5
_FAREWELL_S, _WAIT_S = 0.3, 0.005
_UNARY = ("acknowledge", "modify_ack_deadline")
_TRY_S = 10.0
_LONGEST_PAUSE_S = 2.0


def flow_control(*, hold: int, lease_s: int) -> FlowControl:
    """How much may be held, and leases that are kept for as long as it is held.

    Args:
        hold: the most messages to be held at once.
        lease_s: how long a lease at the broker lasts; the client renews it.
    """
    return FlowControl(
        max_messages=hold,
        max_bytes=_MOST_BYTES,
        # It counts from the callback on, waiting included: with a limit, a job that waited long runs twice.
        max_lease_duration=math.inf,
        # Both, so that neither the client's histogram nor its default of 600 s decides about redelivery.
        min_duration_per_lease_extension=lease_s,
        max_duration_per_lease_extension=lease_s,
    )


def connect(client: Any, given_up: threading.Event) -> None:
    """Wait until a subscriber has its connection.

    A stream that is asked for before is refused at once, and again each time that the client opens it anew, which it
    may five times in ten seconds: a broker that has just come back would be waited for so long.

    Args:
        client: a subscriber of its own.
        given_up: set when there is no use for it any more.

    Raises:
        ServiceUnavailable: it has none after ``_CONNECT_S``.
    """
    ready = grpc.channel_ready_future(client.transport.grpc_channel)
    deadline = time.monotonic() + _CONNECT_S
    try:
        while not given_up.is_set():
            try:
                ready.result(timeout=_LOOK_S)
            except grpc.FutureTimeoutError:
                if time.monotonic() > deadline:
                    raise exceptions.ServiceUnavailable(f"no connection within {_CONNECT_S:g} s") from None
            else:
                return
    finally:
        ready.cancel()


class Stream:
    """An open stream; whoever made it closes it.

    Args:
        client: a subscriber of its own.
        subscription: the full name of what is pulled from.
        scheduler: its own.
        deliver: takes each message; must not block.
        flow: see ``flow_control``.
        tries_s: see ``Patience``.
    """

    def __init__(
        self,
        client: Any,
        subscription: str,
        scheduler: DirectScheduler,
        deliver: Callable[[Message], None],
        flow: FlowControl,
        *,
        tries_s: float,
    ) -> None:
        self._client = client
        self._calls = [_Brisk(getattr(client, name), tries_s) for name in _UNARY]
        for name, call in zip(_UNARY, self._calls, strict=True):
            setattr(client, name, call)
        self.scheduler = scheduler
        self._opened_at = time.monotonic()
        self.future = self._client.subscribe(
            subscription,
            callback=deliver,
            flow_control=flow,
            scheduler=scheduler,
            # Only handed on to our scheduler, whose shutdown blocks whenever the sink has to drain.
            await_callbacks_on_shutdown=True,
        )
        rpc = self.manager._rpc  # noqa: SLF001 - see ``manager``
        if hasattr(rpc, "_finalize") and hasattr(rpc, "_request_queue"):
            rpc.close = partial(_part, rpc, rpc.close)

    @property
    def age_s(self) -> float:
        """How long ago it was asked for."""
        return time.monotonic() - self._opened_at

    @property
    def manager(self) -> Any:
        """The client's own manager: nothing public tells how its threads are."""
        return self.future._StreamingPullFuture__manager  # noqa: SLF001 - see above

    def end(self, reason: Exception) -> None:
        """Have it end, not waiting for that; the future will raise ``reason``."""
        self.manager.close(reason=reason)

    def close(self) -> None:
        """Let go of the connection; what has not been sent is lost, and who waits for an answer is told so."""
        if self.scheduler.ended_at is None:
            self.scheduler.shutdown()
        for call in self._calls:
            call.close()
        # Which waits for the client's callbacks, and one of those may wait for its turn to open the stream again.
        closing = threading.Thread(target=self._client.close, name="closing-stream", daemon=True)
        closing.start()
        closing.join(_CLOSE_S)
        self.scheduler.queue.die()


def _part(rpc: Any, close: Callable[[], None]) -> None:
    """Close a stream from our side first, so that the broker sends nothing more by it, and cancel it only then.

    Google's emulator does not notice a cancellation: it goes on sending to that stream, which nobody reads, and what
    was nacked since may never be seen again.

    Args:
        rpc: the client's ``ResumableBidiRpc``.
        close: its own way, which only cancels.
    """
    rpc._should_recover, rpc._should_terminate = lambda _: False, lambda _: True  # noqa: SLF001 - it is not made again
    rpc._finalize(None)  # noqa: SLF001 - as ``close`` does
    rpc._request_queue.put(None)  # noqa: SLF001 - the end of what we send
    deadline = time.monotonic() + _FAREWELL_S
    while rpc.call is not None and rpc.call.is_active() and time.monotonic() < deadline:
        time.sleep(_WAIT_S)
    close()


class _Brisk:
    """A call that is tried again soon after the broker is back.

    By itself the client waits longer and longer, in the end for twenty seconds, and for a whole minute for the answer
    of a broker that has gone without a word: a lease of a minute has lapsed by then.

    Args:
        call: of the client.
        tries_s: what was tried in vain for so long raises ``RetryError``, whereupon the client ends the stream.
    """

    def __init__(self, call: Callable[..., Any], tries_s: float) -> None:
        soon = retry.Retry(
            predicate=retry.if_exception_type(
                exceptions.Aborted, exceptions.ServiceUnavailable, exceptions.DeadlineExceeded
            ),
            initial=0.1,
            maximum=_LONGEST_PAUSE_S,
            multiplier=1.5,
            timeout=tries_s,
        )
        self._call = partial(call, retry=soon, timeout=ConstantTimeout(_TRY_S))
        self._closed = False

    def __call__(self, **request: Any) -> Any:
        """Make the call; nothing where the channel was closed, before or meanwhile."""
        try:
            return None if self._closed else self._call(**request)
        except ValueError:  # which is how a closed channel refuses a call
            if self._closed:
                return None
            raise

    def close(self) -> None:
        """The channel is about to be closed."""
        self._closed = True
