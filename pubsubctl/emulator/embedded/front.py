"""The port that gRPC and REST share: each connection is told by how it begins."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Callable

from pubsubctl.emulator.embedded.relay import PORTION, Relay, connect

# How every HTTP/2 connection begins that was agreed on beforehand (RFC 9113 3.4), as gRPC's are; no method of HTTP/1 is
# called so.
PREFACE = b"PRI "
SILENCE_S = 60.0
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
RESPITE_S = 0.5
# A gRPC connection takes three: the client's, and both ends of the one to gRPC. The others are for all else.
FILES_EACH = 3
FILES_KEPT = 64


class Front:
    """Accepts connections, and hands each to gRPC or to REST once it has said something."""

    def __init__(
        self,
        listeners: list[socket.socket],
        *,
        grpc_address: str,
        serve_http: Callable[[socket.socket, bytes], object],
    ) -> None:
        """Accept from now on.

        Args:
            listeners: non-blocking sockets; whoever made them closes them after ``stop_accepting``.
            grpc_address: where gRPC listens, as ``relay.private_address`` has it.
            serve_http: takes over a connection of any other kind, with what was read from it already.
        """
        self._listeners = listeners
        self._grpc_address = grpc_address
        self._serve_http = serve_http
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(PORTION))
        self._newcomers: set[Newcomer] = set()
        self._relays: set[Relay] = set()
        self._paused: set[socket.socket] = set()
        self._emptied = asyncio.Event()
        for listener in listeners:
            self._loop.add_reader(listener, self._accept, listener)

    def stop_accepting(self) -> None:
        """Accept nobody any more, and let those go that have not said what they want."""
        self._paused.clear()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        for newcomer in list(self._newcomers):
            newcomer.dismiss()

    async def close(self, grace_s: float) -> None:
        """Wait until gRPC has closed its connections, and close what is left after ``grace_s`` seconds."""
        try:
            async with asyncio.timeout(grace_s):
                while self._relays:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            for relay in list(self._relays):
                relay.end()

    def _accept(self, listener: socket.socket) -> None:
        if self._is_full():
            self._pause(listener)
            return
        try:
            client, _ = listener.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._pause(listener)
            return
        client.setblocking(False)
        with contextlib.suppress(OSError):  # macOS refuses it for a connection that was reset meanwhile
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._newcomers.add(Newcomer(client, self._told))

    def _is_full(self) -> bool:
        """Whether gRPC could be left without a file to accept its end of a connection with, and all would wait."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = max(1, (limit - FILES_KEPT) // FILES_EACH)
        return limit != resource.RLIM_INFINITY and len(self._relays) + len(self._newcomers) >= most

    def _pause(self, listener: socket.socket) -> None:
        """Leave newcomers to the system for a while: trying again at once, the loop would do nothing else."""
        self._loop.remove_reader(listener)
        self._paused.add(listener)
        self._loop.call_later(RESPITE_S, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener in self._paused:
            self._paused.discard(listener)
            self._loop.add_reader(listener, self._accept, listener)

    def _told(self, newcomer: Newcomer, client: socket.socket | None, head: bytes) -> None:
        self._newcomers.discard(newcomer)
        if client is None:
            return
        if not head.startswith(PREFACE):
            self._serve_http(client, head)
            return
        try:
            server = connect(self._grpc_address)
        except OSError:
            client.close()
            return
        relay = Relay(client, server, self._buffer, self._ended)
        self._relays.add(relay)
        relay.begin(head)

    def _ended(self, relay: Relay) -> None:
        self._relays.discard(relay)
        self._emptied.set()
        for listener in list(self._paused):
            self._resume(listener)


class Newcomer:
    """A connection of which it is not yet known what it is."""

    def __init__(self, client: socket.socket, told: Callable[[Newcomer, socket.socket | None, bytes], object]) -> None:
        """Call ``told`` with the socket and what was read from it; without a socket, once that is closed."""
        self._client = client
        self._told = told
        self._head = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(client, self._readable)
        self._patience = self._loop.call_later(SILENCE_S, self.dismiss)

    def dismiss(self) -> None:
        """Close it."""
        self._leave()
        self._client.close()
        self._told(self, None, b"")

    def _readable(self) -> None:
        try:
            read = self._client.recv(PORTION)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            read = b""
        self._head += read
        if not read:
            self.dismiss()
        elif len(self._head) >= len(PREFACE) or not PREFACE.startswith(self._head):
            self._leave()
            self._told(self, self._client, self._head)

    def _leave(self) -> None:
        self._patience.cancel()
        self._loop.remove_reader(self._client)
