"""The way of a gRPC connection through the shared port: its bytes, unread, to gRPC's own listener and back.

gRPC for Python cannot be given a connection that somebody else accepted, so it listens at a private address. The relay
runs in the broker's event loop: a thread of its own would have to wait for the interpreter at each step.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections.abc import Callable

PORTION = 256 * 1024
CONNECT_TIMEOUT_S = 1.0
LINGER_S = 1.0


def private_address(platform: str = sys.platform) -> str:
    """An address for gRPC's own listener, as gRPC writes it; on Linux one that needs neither a port nor a file."""
    if platform == "linux":
        return f"unix-abstract:pubsubctl-{secrets.token_hex(16)}"
    return "127.0.0.1:0"


def connect(address: str) -> socket.socket:
    """A connection to gRPC's own listener, which accepts at once.

    Raises:
        OSError: it does not.
    """
    kind, _, rest = address.partition(":")
    if kind == "unix-abstract":
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(CONNECT_TIMEOUT_S)
        try:
            made.connect(f"\0{rest}")
        except OSError:
            made.close()
            raise
    else:
        made = socket.create_connection((kind, int(rest)), CONNECT_TIMEOUT_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setblocking(False)
    return made


class Relay:
    """One connection. What one side sends while the other does not take it stays with the system, but for one portion.

    When the server closes, all is over. When the client closes its side, the server hears of it, which for gRPC is the
    end; should it not act on that, having no file left to accept the connection with, it is not waited for long.
    """

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        buffer: memoryview,
        on_end: Callable[[Relay], object],
    ) -> None:
        """Take both sockets over.

        Args:
            client: connected to the client.
            server: connected to gRPC's own listener.
            buffer: filled and emptied within one call, so that all relays of an event loop can do with one.
            on_end: called when both are closed.
        """
        self._sockets = client, server
        self._on_end = on_end
        self._ended = False
        self._way_in = _Way(client, server, buffer, on_close=self._client_closed, on_break=self.end)
        self._way_out = _Way(server, client, buffer, on_close=self.end, on_break=self.end)

    def begin(self, head: bytes) -> None:
        """Pass on what was read from the client already, and then whatever comes."""
        self._way_out.begin()
        self._way_in.begin(head)

    def end(self) -> None:
        """Close both sides."""
        if self._ended:
            return
        self._ended = True
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one)
            loop.remove_writer(one)
            one.close()
        self._on_end(self)

    def _client_closed(self) -> None:
        try:
            self._sockets[1].shutdown(socket.SHUT_WR)
        except OSError:
            self.end()
        else:
            asyncio.get_running_loop().call_later(LINGER_S, self.end)


class _Way:
    """From one socket to another."""

    def __init__(
        self,
        source: socket.socket,
        target: socket.socket,
        buffer: memoryview,
        *,
        on_close: Callable[[], object],
        on_break: Callable[[], object],
    ) -> None:
        self._source = source
        self._target = target
        self._buffer = buffer
        self._on_close = on_close
        self._on_break = on_break
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def begin(self, head: bytes = b"") -> None:
        """Pass on ``head``, and then whatever comes."""
        self._loop.add_reader(self._source, self._readable)
        if head:
            self._pass_on(head)

    def _readable(self) -> None:
        try:
            count = self._source.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self._on_break()
            return
        if count:
            self._pass_on(self._buffer[:count])
        else:
            self._loop.remove_reader(self._source)
            self._on_close()

    def _pass_on(self, content: memoryview | bytes) -> None:
        """Send what can be sent at once; while there is a rest, nothing more is read."""
        sent = self._send(content)
        if sent is not None and sent < len(content):
            self._held = bytes(content[sent:])
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._target, self._writable)

    def _writable(self) -> None:
        sent = self._send(self._held)
        if sent is None:
            return
        self._held = self._held[sent:]
        if not self._held:
            self._loop.remove_writer(self._target)
            self._loop.add_reader(self._source, self._readable)

    def _send(self, content: memoryview | bytes) -> int | None:
        """How many bytes were sent; None if the connection is broken."""
        try:
            return self._target.send(content)
        except BlockingIOError:
            return 0
        except OSError:
            self._on_break()
            return None
