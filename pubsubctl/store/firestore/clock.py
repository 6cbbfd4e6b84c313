"""The server's clock, as its answers tell it. A worker's own wall clock is never looked at.

An answer carries the server's time at some moment between the call and its return. So ``server time - monotonic time
at the return`` is never more than how far the server is ahead of our monotonic clock, and less by the answer's way
back: of the answers of a minute the largest is the nearest. What is left of the error is the quickest way back of that
minute, a few milliseconds, always to the side of the past: a lease seems to last that much longer.
"""

import threading
import time

_TRUSTED_S = 60.0


class ServerClock:
    """Tells the server's time between its answers. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead: float | None = None
        self._since = 0.0

    def heard(self, server_time: float) -> None:
        """An answer has come with this time."""
        at = time.monotonic()
        ahead = server_time - at
        with self._lock:
            if self._ahead is None or ahead >= self._ahead or at - self._since > _TRUSTED_S:
                self._ahead, self._since = ahead, at

    @property
    def known(self) -> bool:
        """Whether any answer has come yet."""
        return self._ahead is not None

    def __call__(self) -> float:
        """The server's time now."""
        assert self._ahead is not None, "nothing was ever asked"
        return self._ahead + time.monotonic()
