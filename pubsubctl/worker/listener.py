"""An HTTP server for a few probes, which no client can use up.

Every connection carries one request. Nobody is trusted to be quick: a connection that is old, or in the way of a new
one, is closed unless its request is being answered. So whoever sends a whole request is answered, however many others
send theirs a byte at a time, or nothing at all.
"""

from typing import Any

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.task import WSGITask  # type: ignore[import-untyped]

from pubsubctl.listening import WSGI, EndingServer, Listening

_THREADS = 4
_MOST_CONNECTIONS = 64
_LONGEST_S = 10.0
"""How long a connection may last, its request and its answer."""
_MOST_HEADER_BYTES = 16_384
_MOST_BODY_BYTES = 1_024


class Listener(Listening):
    """Serves an application in a few threads of this process, from ``start`` to ``close``.

    Args:
        application: what answers.
        host_port: ``HOST:PORT``, an IPv6 address in brackets; port 0 takes a free one.

    Raises:
        PubsubctlError: nothing can listen there.
    """

    def __init__(self, application: WSGI, host_port: str) -> None:
        super().__init__(
            _Server,
            application,
            host_port,
            name="health",
            threads=_THREADS,
            connection_limit=4 * _MOST_CONNECTIONS,
            max_request_header_size=_MOST_HEADER_BYTES,
            max_request_body_size=_MOST_BODY_BYTES,
        )


class _OneRequest(WSGITask):  # type: ignore[misc]
    """Answers a request as if its client had asked that the connection be closed after it."""

    def build_response_header(self) -> Any:
        self.request.headers["CONNECTION"] = "close"
        return super().build_response_header()


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _OneRequest


class _Server(EndingServer):
    """A server with bounds. All of this is called by the thread that runs its loop."""

    channel_class = _Channel

    def handle_accept(self) -> None:
        if len(self.active_channels) >= _MOST_CONNECTIONS:
            self._close_one()
        super().handle_accept()

    def maintenance(self, now: float) -> None:
        for channel in self._idle():
            if now - channel.creation_time > _LONGEST_S:
                channel.handle_close()

    def _close_one(self) -> None:
        if idle := self._idle():
            min(idle, key=lambda channel: channel.creation_time).handle_close()

    def _idle(self) -> list[Any]:
        """Connections that nobody answers: their requests have not come as a whole, or were answered."""
        return [channel for channel in self.active_channels.values() if not channel.requests]
