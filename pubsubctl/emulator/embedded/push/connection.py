"""One HTTP/1.1 connection to an endpoint (RFC 9112)."""

from __future__ import annotations

import asyncio
from typing import cast

import h11

PROCESSING = 102
HEADERS_LIMIT = 64 * 1024


class Unanswered(ConnectionError):
    """The connection ended before anything of the response came."""


class Connection(asyncio.Protocol):
    """Carries one request at a time, and tells the status of the response once all of that has come."""

    def __init__(self) -> None:
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS_LIMIT)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._status = 0
        self._heard = False

    @property
    def is_open(self) -> bool:
        """Whether it can carry another request."""
        return self._transport is not None and not self._transport.is_closing()

    async def post(self, request: h11.Request, body: bytes) -> int:
        """Send a request and return the status code; 102 counts as one that ends it.

        Raises:
            Unanswered: the connection ended first.
            OSError: it ended later.
            h11.ProtocolError: this is no HTTP.
        """
        assert self._transport is not None, "requests go over connections that were made"
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._status, self._heard = 0, False
        try:
            parts = (
                self._state.send(request),
                self._state.send(h11.Data(data=body)),
                self._state.send(h11.EndOfMessage()),
            )
            self._transport.write(b"".join(part for part in parts if part))
            return await answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._answer = None

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Something came; nothing may while no answer is waited for."""
        if self._answer is None or self._answer.done():
            self.abort()
            return
        self._heard = True
        self._read(data)

    def eof_received(self) -> None:
        """The endpoint has said all; that ends a response without a length."""
        if self._answer is not None and self._heard:
            self._read(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        if self._heard:
            self._fail(exc or ConnectionError("the connection was closed within the response"))
        else:
            self._fail(Unanswered("the connection was closed without a response"))

    # Inside

    def _read(self, data: bytes) -> None:
        try:
            self._state.receive_data(data)
            while self._handle(self._state.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self._fail(error)

    def _handle(self, event: object) -> bool:
        """Take note of a part of the response; whether there may be more of it here."""
        if isinstance(event, h11.Response):
            self._status = event.status_code
        elif isinstance(event, h11.InformationalResponse) and event.status_code == PROCESSING:
            self._end(PROCESSING)
        elif isinstance(event, h11.EndOfMessage):
            self._end(self._status)
        return isinstance(event, h11.Response | h11.InformationalResponse | h11.Data)

    def _end(self, status: int) -> None:
        """Answer, and make ready for the next request if the connection may carry one."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)
        is_clean = self._state.our_state is self._state.their_state is h11.DONE and not self._state.trailing_data[0]
        if is_clean:
            self._state.start_next_cycle()
        else:
            self.abort()

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
