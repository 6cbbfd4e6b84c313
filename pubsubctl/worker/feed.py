"""One stream from the broker, read in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.leases import Leases

_log = logging.getLogger("pubsubctl.worker")

_BEAT_S = 30.0
_FAREWELL_S = 0.3
_END_S = 2.0


class Source(Protocol):
    """What it reads; see ``broker.stream.Stream``."""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""

    def responses(self) -> Any:
        """The messages of each response, until it ends; raises why it has."""

    def beat(self) -> None:
        """Show that we are there."""

    def part(self) -> None:
        """Ask for nothing more."""

    def close(self) -> None:
        """End it."""


class Feed:
    """Hands on what comes by a stream until that has ended, or was ended.

    Args:
        stream: belongs to the feed from now on.
        deliver: takes the messages of one response; must not block.
        hold: how many of its messages may be in hand before the next response is read. A broker that heeds what the
            stream has asked for sends no more by then, so that nothing waits unread while its lease runs out.
        on_end: called when nothing comes any more.

    Attributes:
        hold: as given.
        opened_at: by ``time.monotonic``.
        heard_at: by ``time.monotonic``, when the last message came; at first when the stream was asked for.
        ended: set once nothing comes any more.
        error: why it has ended, where it was not ended from here.
    """

    def __init__(
        self,
        stream: Source,
        leases: Leases,
        deliver: Callable[[Sequence[Arrival], "Feed"], None],
        *,
        hold: int,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._leases = leases
        self._deliver = deliver
        self._on_end = on_end
        self._leaving = threading.Event()
        self.hold = hold
        self.opened_at = self.heard_at = self._beat_at = time.monotonic()
        self.ended = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    @property
    def is_open(self) -> bool:
        """Whether the broker may send something."""
        return self._stream.is_open

    @property
    def is_full(self) -> bool:
        """Whether the broker may send nothing before something is settled."""
        return self._leases.count_of(self) >= self.hold

    @property
    def age_s(self) -> float:
        """How long ago it was asked for."""
        return time.monotonic() - self.opened_at

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def beat(self) -> None:
        """Show the broker that we are there, if it is time for that; to be called more often than every ten seconds."""
        now = time.monotonic()
        if now - self._beat_at >= _BEAT_S:
            self._beat_at = now
            self._stream.beat()

    def end(self) -> None:
        """Take what is on its way, and let it end; what does not end soon is ended. Nothing comes afterwards."""
        self._leaving.set()
        self._leases.wait_no_more()
        self._stream.part()
        self.ended.wait(_FAREWELL_S)
        self._stream.close()
        self.ended.wait(_END_S)

    def _run(self) -> None:
        try:
            self._read()
        finally:  # what fails in handing a message on is a fault of ours, and ends the worker
            self.ended.set()
            self._on_end()

    def _read(self) -> None:
        responses = iter(self._stream.responses())
        while (received := self._next(responses)) is not None:
            if received:
                self._hand_on(received)

    def _next(self, responses: Any) -> Sequence[Any] | None:
        try:
            found: Sequence[Any] | None = next(responses, None)
        except Exception as error:  # noqa: BLE001 - whatever ended it, another stream is tried
            self.error = error
            return None
        return found

    def _hand_on(self, received: Sequence[Any]) -> None:
        _log.debug("messages received: %d", len(received))
        now = self.heard_at = time.monotonic()
        arrivals = [Arrival(each, self._leases, self, now) for each in received]
        self._leases.take(arrivals)
        self._deliver(arrivals, self)
        self._leases.wait_for_room(self, self.hold, self._leaving.is_set)
