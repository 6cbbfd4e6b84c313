"""One HTTP/1.1 connection of a client (RFC 9112)."""

from __future__ import annotations

import asyncio
import contextlib
import math
import zlib
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

import h11

from pubsubctl.emulator.embedded.rest.messages import Request, Response, failed

# A message of 10 MB is 13.4 MB in base64; the limit is that of a gRPC request.
BODY_SIZE = 32 * 2**20
HEAD_SIZE = 64 * 1024
READ_SIZE = 256 * 1024
# Pools of clients keep connections for minutes; what has begun is to go on.
IDLE_S = 300.0
STALLED_S = 60.0
# How long a client may go on sending what was refused, so that it gets to read why.
LINGER_S = 5.0

_PHRASES = frozenset(HTTPStatus)

Answer = Callable[[Request], Awaitable[Response]]


class Unreadable(Exception):
    """A request is answered with ``response`` before all of it was read, and the connection ends."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.response = failed(status, "INVALID_ARGUMENT", text)


class Connection:
    """Answers one request after the other; what a client sends ahead waits.

    Attributes:
        busy: a request has begun to come and is not answered yet.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self.busy = False
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_SIZE)
        self._last = False
        self._with_body = True
        self._request: Request | None = None
        self._answering: asyncio.Task[object] | None = None
        writer.transport.set_write_buffer_limits(0)  # so that to wait for it means that all was taken

    async def serve(self) -> None:
        """Serve until either side ends it."""
        try:
            while await self._exchange():
                self._state.start_next_cycle()
                await asyncio.sleep(0)  # what one client has sent ahead is not answered before all that others ask
        except Unreadable as error:
            await self._refuse(error.response)
        except h11.RemoteProtocolError as error:
            await self._refuse(failed(error.error_status_hint, "INVALID_ARGUMENT", f"This is no HTTP request: {error}"))
        except OSError:
            pass  # the client is gone, or has not gone on for too long
        finally:
            # Nothing that the client takes is left: a polite end would wait for ever for one that takes nothing.
            self._writer.transport.abort()

    def finish(self) -> None:
        """Let the present request be the last one."""
        self._last = True

    def abandon(self) -> None:
        """The client has gone: a request that is being answered is taken back."""
        if self._answering:
            self._answering.cancel()

    def hear_out(self) -> None:
        """The client has closed its side: it may have gone, so that no pull waits for it; others are answered."""
        if self._request and self._request.may_wait:
            self.abandon()

    async def _exchange(self) -> bool:
        """Serve one request; whether there may be another."""
        head = await self._next()
        if isinstance(head, h11.ConnectionClosed):
            return False
        assert isinstance(head, h11.Request), "a cycle begins with a request"
        self.busy = True
        self._with_body = head.method != b"HEAD"
        await self._send(await self._answered(await self._read(head)))
        self.busy, self._with_body = False, True
        return self._state.our_state is h11.DONE

    async def _answered(self, request: Request) -> Response:
        self._request, self._answering = request, asyncio.current_task()
        try:
            return await self._answer(request)
        finally:
            self._request = self._answering = None

    # Reading

    async def _read(self, head: h11.Request) -> Request:
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        if int(headers.get("content-length", 0)) > BODY_SIZE:
            raise _too_large()
        decode = _decoder(headers.get("content-encoding", ""))
        body = bytearray()
        while isinstance(event := await self._next(), h11.Data):
            body += decode(event.data)
            if len(body) > BODY_SIZE:
                raise _too_large()
        return Request(head.method.decode(), head.target.decode(), headers, bytes(body))

    async def _next(self) -> object:
        """What comes next of the present request, or of the next one."""
        while (event := self._state.next_event()) is h11.NEED_DATA:
            if self._state.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100, headers=[], reason="Continue"))
            async with asyncio.timeout(STALLED_S if self.busy else IDLE_S):
                self._state.receive_data(await self._reader.read(READ_SIZE))
        return event

    # Writing

    async def _send(self, response: Response) -> None:
        headers = {
            "Date": formatdate(usegmt=True),
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            "X-Content-Type-Options": "nosniff",
            **response.headers,
            **({"Connection": "close"} if self._last else {}),
        }
        reason = HTTPStatus(response.status).phrase if response.status in _PHRASES else ""
        head = h11.Response(status_code=response.status, headers=list(headers.items()), reason=reason)
        body = [h11.Data(data=response.body)] if self._with_body else []
        # In one piece: what is read with the head costs a client no second wait.
        self._write(head, *body, h11.EndOfMessage())
        await self._flush()

    async def _flush(self) -> None:
        """Wait until the client has taken everything.

        Raises:
            OSError: it has gone, or takes nothing any more.
        """
        transport = self._writer.transport
        left = math.inf
        while (size := transport.get_write_buffer_size()) < left:
            left = size
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STALLED_S):
                    return await self._writer.drain()
        raise TimeoutError

    def _write(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self._state.send(event) or b"" for event in events))

    async def _refuse(self, response: Response) -> None:
        """Say what is wrong, and read on for a while, or the client, still sending, would not get to hear of it."""
        if self._state.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        self._last = True
        with contextlib.suppress(OSError):
            await self._send(response)
            self._writer.write_eof()
            async with asyncio.timeout(LINGER_S):
                while await self._reader.read(READ_SIZE):
                    pass


def _decoder(coding: str) -> Callable[[bytes], bytes]:
    """What undoes a content coding: Google's client for Java compresses what it sends.

    Raises:
        Unreadable: 415, for another coding than gzip.
    """
    if coding in {"", "identity"}:
        return lambda content: content
    if coding != "gzip":
        raise Unreadable(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding {coding} is not read here; gzip is")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def inflate(content: bytes) -> bytes:
        try:
            # One byte more than allowed is enough to know that it is too much.
            return inflater.decompress(content, BODY_SIZE + 1)
        except zlib.error as error:
            raise Unreadable(HTTPStatus.BAD_REQUEST, f"The body is no gzip: {error}") from error

    return inflate


def _too_large() -> Unreadable:
    return Unreadable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {BODY_SIZE} bytes")
