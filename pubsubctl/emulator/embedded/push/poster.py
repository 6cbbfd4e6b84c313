"""Posts requests to one endpoint."""

from __future__ import annotations

import asyncio
import ssl

import h11

from pubsubctl.emulator.embedded.push.connection import Connection, Unanswered
from pubsubctl.emulator.embedded.push.endpoint import Endpoint
from pubsubctl.emulator.embedded.push.lookup import addresses
from pubsubctl.emulator.embedded.push.request import Request

# Under that of common servers, and so short that none waits long for its connections to end.
IDLE_S = 4.0
USER_AGENT = b"APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"


class Poster:
    """Keeps connections for a while after they were used; follows no redirects and asks no proxy."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._fields = [
            (b"host", endpoint.authority.encode()),
            (b"user-agent", USER_AGENT),
            (b"accept", b"application/json"),
        ]
        self._tls = ssl.create_default_context() if endpoint.tls else None
        self._idle: list[tuple[Connection, asyncio.TimerHandle]] = []
        self._closed = False

    async def post(self, request: Request) -> int:
        """Post and return the status code.

        A request over a kept connection that was closed without a response goes once more over a new one: most
        likely the endpoint had closed it before.

        Raises:
            OSError: no connection, or no response, or one that is no HTTP.
        """
        headers = [*self._fields, *request.headers, (b"content-length", b"%d" % len(request.body))]
        try:
            head = h11.Request(method=b"POST", target=self.endpoint.target, headers=headers)
            kept = self._kept()
            if kept is not None:
                try:
                    return await self._exchange(kept, head, request.body)
                except Unanswered:
                    pass
            return await self._exchange(await self._connect(), head, request.body)
        except (h11.ProtocolError, UnicodeError) as error:
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        """End the connections that are not in use, and the others once they are not."""
        self._closed = True
        while kept := self._kept():
            kept.abort()

    async def _exchange(self, connection: Connection, head: h11.Request, body: bytes) -> int:
        status = await connection.post(head, body)
        if self._closed:
            connection.abort()
        elif connection.is_open:
            timer = asyncio.get_running_loop().call_later(IDLE_S, connection.abort)
            self._idle.append((connection, timer))
        return status

    def _kept(self) -> Connection | None:
        """The connection that was used last, so that those which are too many grow old."""
        while self._idle:
            connection, timer = self._idle.pop()
            timer.cancel()
            if connection.is_open:
                return connection
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        name = self.endpoint.host if self._tls else None
        obstacle = OSError(f"{self.endpoint.host} has no address")
        for host, port in await addresses(self.endpoint.host, self.endpoint.port):
            try:
                _, connection = await loop.create_connection(
                    Connection, host, port, ssl=self._tls, server_hostname=name
                )
            except OSError as error:
                obstacle = error
            else:
                return connection
        raise obstacle
