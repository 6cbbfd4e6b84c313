"""An HTTP server for a few probes, which no client can use up.

Every connection carries one request. Nobody is trusted to be quick: a connection that is old, or in the way of a new
one, is closed unless its request is being answered. So whoever sends a whole request is answered, however many others
send theirs a byte at a time, or nothing at all.
"""

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer  # type: ignore[import-untyped]
from waitress.task import WSGITask  # type: ignore[import-untyped]

from pubsubctl.errors import PubsubctlError

_THREADS = 4
_MOST_CONNECTIONS = 64
_LONGEST_S = 10.0
"""How long a connection may last, its request and its answer."""
_LOOK_S = 1.0
_MOST_HEADER_BYTES = 16_384
_MOST_BODY_BYTES = 1_024
_QUEUE = 1_024

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Listener:
    """Serves an application in a few threads of this process, from ``start`` to ``close``.

    Args:
        application: what answers.
        host_port: ``HOST:PORT``, an IPv6 address in brackets; port 0 takes a free one.

    Raises:
        PubsubctlError: nothing can listen there.
    """

    def __init__(self, application: WSGI, host_port: str) -> None:
        listening = _listen(host_port)
        # What it has to say is about its clients; what fails in the application is answered, and logged, by that.
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self._server = _Server(
            application,
            _sock=listening,
            sockinfo=(listening.family, listening.type, None, listening.getsockname()),
            bind_socket=False,
            threads=_THREADS,
            backlog=_QUEUE,
            connection_limit=4 * _MOST_CONNECTIONS,
            cleanup_interval=_LOOK_S,
            max_request_header_size=_MOST_HEADER_BYTES,
            max_request_body_size=_MOST_BODY_BYTES,
            ident=None,
            log_socket_errors=False,
        )
        self._address = str(listening.getsockname()[0]).partition("%")[0]
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, as ``HOST:PORT``."""
        host, port = self._server.effective_host, self._server.effective_port
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self._address).is_loopback

    def start(self) -> None:
        """Begin answering."""
        self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """End; what is not answered by then is not answered. Closing it twice does no harm."""
        if self._closing:
            return
        self._closing = True
        self._server.pull_trigger()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        else:
            self._end()

    def _run(self) -> None:
        while not self._closing:
            wasyncore.loop(timeout=_LOOK_S, use_poll=True, map=self._server.sockets, count=1)
        self._end()

    def _end(self) -> None:
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._server.sockets, ignore_all=True)


class _OneRequest(WSGITask):  # type: ignore[misc]
    """Answers a request as if its client had asked that the connection be closed after it."""

    def build_response_header(self) -> Any:
        self.request.headers["CONNECTION"] = "close"
        return super().build_response_header()


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _OneRequest


class _Server(TcpWSGIServer):  # type: ignore[misc]
    """Waitress' server, with bounds that it has not. All of this is called by the thread that runs its loop."""

    channel_class = _Channel

    @property
    def sockets(self) -> dict[int, Any]:
        return self._map  # type: ignore[no-any-return]

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


def _listen(host_port: str) -> socket.socket:
    host, _, port = host_port.rpartition(":")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
    except (OSError, UnicodeError) as error:  # the latter of a name that is none
        raise _unusable(host_port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_QUEUE)
    except OSError as error:
        listening.close()
        raise _unusable(host_port, error) from error
    return listening


def _unusable(host_port: str, error: OSError | UnicodeError) -> PubsubctlError:
    why = getattr(error, "strerror", None) or error
    return PubsubctlError(
        f"nothing can listen at {host_port}: {why}; give --host-port another address, or port 0 for a free one"
    )
