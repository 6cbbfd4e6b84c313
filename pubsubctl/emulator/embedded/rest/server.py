"""The HTTP connections that are open."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from pubsubctl.emulator.embedded.rest.connection import READ_SIZE, Answer, Connection

_log = logging.getLogger("pubsubctl.emulator")


class HttpServer:
    """Serves connections that somebody else accepted, each in a task of its own."""

    def __init__(self, answer: Answer) -> None:
        """Answer requests with ``answer``."""
        self._answer = answer
        self._connections: dict[asyncio.Task[None], Connection | None] = {}

    def take(self, client: socket.socket, head: bytes) -> None:
        """Take over a connection, from which ``head`` was read already."""
        task = asyncio.get_running_loop().create_task(self._serve(client, head))
        self._connections[task] = None
        task.add_done_callback(self._ended)

    async def close(self, grace_s: float) -> None:
        """End idle connections, and the others when they are answered, or after ``grace_s`` seconds."""
        for task, connection in list(self._connections.items()):
            if connection and connection.busy:
                connection.finish()
            else:
                task.cancel()
        tasks = list(self._connections)
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        if not task.cancelled() and (error := task.exception()):
            _log.error("a connection failed", exc_info=error)

    async def _serve(self, client: socket.socket, head: bytes) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_SIZE)
        protocol = _Protocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, client)
        reader.feed_data(head)
        connection = Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop), self._answer)
        protocol.on_eof, protocol.on_gone = connection.hear_out, connection.abandon
        task = asyncio.current_task()
        assert task, "each connection is served in a task of its own"
        self._connections[task] = connection
        await connection.serve()


class _Protocol(asyncio.StreamReaderProtocol):
    """Tells too when the client closes its side, or goes away, while nobody reads."""

    on_eof: Callable[[], object] | None = None
    on_gone: Callable[[], object] | None = None

    def eof_received(self) -> bool | None:
        if self.on_eof:
            self.on_eof()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.on_gone:
            self.on_gone()
        super().connection_lost(exc)
