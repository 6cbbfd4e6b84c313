"""How slow a client may be."""

from dataclasses import dataclass
from typing import Any

_BYTES_PER_S = 1_024
"""The least that a client is to send, or to take, where there is something to send or to take."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a server puts up with.

    Attributes:
        request_s: for how long a client may send a request, besides a second for each KiB of it.
        idle_s: for how long a connection may wait for its next request.
        stall_s: for how long a client may take less of its response than a KiB a second.
    """

    request_s: float
    idle_s: float
    stall_s: float


class Pace:
    """A connection's progress, seen by whoever looks at it every second or so.

    Attributes:
        since: since when it does what it does, on the monotonic clock.
    """

    __slots__ = ("_doing", "_sent", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self._doing: Any = None
        self._sent = 0

    def is_overdue(self, connection: Any, bounds: Bounds, now: float) -> bool:
        """Whether it did what it does for too long. A client that waits for its answer is never overdue."""
        if connection.total_outbufs_len:
            if self._begins("sending", now) or connection.bytes_sent - self._sent >= _BYTES_PER_S * bounds.stall_s:
                self.since, self._sent = now, connection.bytes_sent
            return now - self.since > bounds.stall_s
        if connection.requests:
            self._begins("answering", now)
            return False
        request = connection.request
        if request is not None:
            self._begins(request, now)
            received = request.header_bytes_received + request.body_bytes_received
            return bool(now - self.since > bounds.request_s + received / _BYTES_PER_S)
        self._begins(connection.begun, now)
        return now - self.since > (bounds.idle_s if connection.begun else bounds.request_s)

    def _begins(self, doing: Any, now: float) -> bool:
        if self._doing is doing or self._doing == doing:
            return False
        if self._doing is not None:
            self.since = now
        self._doing = doing
        return True
