"""An HTTP server for WSGI applications whose responses may wait long, for many clients at once.

It is Waitress with two things added. A response that yields a :class:`~pubsubctl.gateway.pausing.Pause` holds no
thread while it waits. And no client can hold a thread, or a place among the connections, by being slow.
"""

import resource
import select
import socket
import time
from typing import Any

from pubsubctl.gateway.answering import entered
from pubsubctl.gateway.connection import Connection
from pubsubctl.gateway.loop import Loop
from pubsubctl.gateway.pace import Bounds
from pubsubctl.listening import WSGI, EndingServer, Listening

_SPARE_CONNECTIONS = 64
"""How many more than the most are accepted while all are being answered; then the rest waits in the kernel's queue."""
_OTHER_FILES = 256
_DRAIN_S = 0.05
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A peer that was switched off is found out within a minute."""


class Server(Listening):
    """Serves an application in a few threads of this process, from ``start``, or ``run``, to ``close``.

    Args:
        application: what answers. Its environ has ``pubsubctl.pausing``: its responses may yield pauses.
        host_port: ``HOST:PORT``, an IPv6 address in brackets; port 0 takes a free one.
        threads: how many requests are worked at at once, not counting those that pause.
        most_connections: how many clients are connected at once, and fewer where the process may not open as many
            files. Beyond, the connection that has been idle longest makes room, then the slowest sender's.
        max_body: a request's most bytes.
        max_header: its header fields' most bytes.
        request_s: how long a client may take to send a request, besides a second for each KiB of it.
        idle_s: how long a connection is kept for its next request.
        stall_s: how long a client may take less of its response than a KiB a second.

    Raises:
        PubsubctlError: nothing can listen there.
    """

    def __init__(
        self,
        application: WSGI,
        host_port: str,
        *,
        threads: int = 8,
        most_connections: int = 2_000,
        max_body: int = 10 * 2**20,
        max_header: int = 65_536,
        request_s: float = 30.0,
        idle_s: float = 75.0,
        stall_s: float = 30.0,
    ) -> None:
        most_connections = _affordable(most_connections)
        super().__init__(
            _Server,
            entered(application),
            host_port,
            name="gateway",
            threads=threads,
            connection_limit=most_connections + _SPARE_CONNECTIONS,
            max_request_header_size=max_header,
            max_request_body_size=max_body + 1,  # the size from which on Waitress refuses
            channel_request_lookahead=1,
            clear_untrusted_proxy_headers=False,
        )
        self.server.bounds = Bounds(request_s=request_s, idle_s=idle_s, stall_s=stall_s)
        self.server.most_connections = most_connections

    def turn(self, timeout_s: float) -> None:
        """See to what the connections ask for; wait for that no longer than ``timeout_s``."""
        self.server.loop.turn(timeout_s)

    def drain(self, deadline: float) -> None:
        """Have the requests at work answered until then; who waits in a pause is disconnected.

        Args:
            deadline: on the monotonic clock.
        """
        self.server.stop_listening()
        while self.server.close_unoccupied() and time.monotonic() < deadline:
            self.turn(_DRAIN_S)
        self.server.close_all_connections()


class _Server(EndingServer):
    """A server with bounds. All of this is called by the thread that runs its loop."""

    channel_class = Connection
    bounds: Bounds
    most_connections: int

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.loop = Loop()
        super().__init__(*args, **settings)
        self.loop.watch(self)
        self.loop.watch(self.trigger)

    def del_channel(self, map: Any = None) -> None:  # noqa: A002 - as Waitress calls it
        self.loop.forget(self._fileno)
        super().del_channel(map)

    def end(self) -> None:
        super().end()
        self.loop.close()

    def handle_accept(self) -> None:
        if len(self.active_channels) >= self.most_connections:
            self._close_one()
        super().handle_accept()

    def set_socket_options(self, conn: socket.socket) -> None:
        super().set_socket_options(conn)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                conn.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def maintenance(self, now: float) -> None:  # noqa: ARG002
        for connection in self._gone():
            connection.handle_close()
        moment = time.monotonic()
        for connection in self._connections():
            if connection.is_overdue(moment):
                connection.handle_close()
            else:
                self.loop.watch(connection)

    def stop_listening(self) -> None:
        self.accepting = False
        self.del_channel()
        self.socket.close()

    def close_unoccupied(self) -> int:
        """Close the connections on which no request is being answered; say how many are left."""
        for connection in self._connections():
            if connection.is_parked or not (connection.requests or connection.total_outbufs_len):
                connection.handle_close()
        return len(self.active_channels)

    def close_all_connections(self) -> None:
        for connection in self._connections():
            connection.handle_close()

    def _close_one(self) -> None:
        if idle := [connection for connection in self._connections() if not connection.requests]:
            min(idle, key=_precedence).handle_close()

    def _gone(self) -> list[Connection]:
        """Parked connections that are not read from, for the requests that they have sent already, and are closed."""
        poll = select.poll()
        unread = {c.socket.fileno(): c for c in self._connections() if c.is_parked and not c.readable()}
        for number in unread:
            poll.register(number, getattr(select, "POLLRDHUP", 0))
        return [unread[number] for number, _ in poll.poll(0)] if unread else []

    def _connections(self) -> list[Connection]:
        return list(self.active_channels.values())


def _precedence(connection: Connection) -> tuple[int, float]:
    """Who makes room first: who has had an answer and asks for nothing, and the oldest of each kind."""
    if connection.total_outbufs_len:
        return 2, connection.pace.since
    is_idle = connection.request is None and connection.begun
    return 0 if is_idle else 1, connection.pace.since


def _affordable(connections: int) -> int:
    """As many connections as this process may have files open, after it has asked for as many as it needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _SPARE_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        connections = min(connections, max(soft - _SPARE_CONNECTIONS - _OTHER_FILES, 1))
    return connections
