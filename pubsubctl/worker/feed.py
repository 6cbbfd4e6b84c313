"""One stream from the broker, read in a thread of its own."""

import threading
import time
from collections.abc import Callable, Sequence

from pubsubctl.broker.stream import Stream
from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.leases import Leases

_BEAT_S = 30.0
_FAREWELL_S = 0.3


class Feed:
    """Hands on what comes by a stream until that has ended, or was ended.

    Args:
        stream: belongs to the feed from now on.
        deliver: takes the messages of one response; must not block.
        hold: how many messages may be in hand before the next response is read.
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
        stream: Stream,
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
    def age_s(self) -> float:
        """How long ago it was asked for."""
        return time.monotonic() - self.opened_at

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def beat(self) -> None:
        """Show the broker that we are there, if it is time for that; to be called more often than every ten seconds."""
        now = time.monotonic()
        if now - self._beat_at >= _BEAT_S:
            self._beat_at = now
            self._stream.beat()

    def part(self) -> None:
        """Take what is on its way, and let it end; for as long as that takes, which is not long."""
        self._leaving.set()
        self._stream.part()
        self.ended.wait(_FAREWELL_S)

    def close(self) -> None:
        """End it, if it has not."""
        self._leaving.set()
        self._stream.close()

    def _run(self) -> None:
        try:
            for received in self._stream:
                if received:
                    self._hand_on(received)
        except Exception as error:  # noqa: BLE001 - whatever ended it, another stream is tried
            self.error = error
        finally:
            self.ended.set()
            self._on_end()

    def _hand_on(self, received: Sequence[object]) -> None:
        now = self.heard_at = time.monotonic()
        arrivals = [Arrival(each, self._leases, now) for each in received]
        self._leases.take(arrivals)
        self._deliver(arrivals, self)
        self._leases.wait_for_room(self.hold, self._leaving)
