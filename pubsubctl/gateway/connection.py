"""One client's connection: Waitress' channel, which can be parked while its answer pauses."""

import re
import socket
import threading
import time
from functools import partial
from typing import Any

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]
from waitress.utilities import BadRequest  # type: ignore[import-untyped]

from pubsubctl.gateway.answering import Answer, Paused, Refusal
from pubsubctl.gateway.pace import Pace
from pubsubctl.gateway.pausing import Pause

_LINGER_S = 2.0
"""How long what a client still sends is read after it was refused, so that it comes to read why."""
_MOST_AT_ONCE = 65_536
_HOST = re.compile(r"(?:\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z.%_~!$&'()*+;=-]*)(?::[0-9]*)?")  # RFC 3986, but for commas


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request as it comes in."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read its head.

        It has to say to whom it is sent, once and well (RFC 9112, section 3.2), and in one way where it ends: whoever
        is between might take the other one, and what follows for another request (section 6.1).
        """
        super().parse_header(header_plus)
        host = self.headers.get("HOST", None if self.version == "1.1" else "")
        if host is None or not _HOST.fullmatch(host):
            raise ParsingError("the request needs one Host header field, HOST or HOST:PORT")
        if (self.chunked and "CONTENT_LENGTH" in self.headers) or "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("a request has one of Content-Length and, since HTTP/1.1, Transfer-Encoding")

    def received(self, data: bytes) -> int:
        """Take bytes of it, and say how many."""
        try:
            taken: int = super().received(data)
        except ValueError:  # a target or a length that makes no sense
            self.error = BadRequest("the request's first line or its Content-Length is invalid")
            self.completed = True
            return len(data)
        if self.completed:
            self.expect_continue = False  # there is nothing to go on with: it has come, or it was refused
        return taken


class Connection(HTTPChannel):  # type: ignore[misc]
    """A client's connection.

    ``service`` and what it calls run in the server's worker threads, in one at a time; the rest in the thread of its
    loop. While an answer pauses, its request stays first in ``requests`` and no thread has the connection.
    """

    error_task_class = Refusal
    parser_class = Request

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002
        self.lingers = False
        self.pace = Pace(time.monotonic())
        self.bytes_sent = 0
        self.begun = 0
        self._leaves_at: float | None = None
        self._left: Answer | None = None
        self._pause: Pause | None = None
        self._pause_lock = threading.Lock()
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def is_parked(self) -> bool:
        """Whether its answer pauses."""
        return self._pause is not None

    @property
    def is_settled(self) -> bool:
        """Whether no other thread changes what it waits for; see :class:`~pubsubctl.gateway.loop.Loop`."""
        return self.is_parked or not self.requests

    def add_channel(self, map: Any = None) -> None:  # noqa: A002 - as Waitress calls it
        """Become one of the server's connections."""
        super().add_channel(map)
        self.server.loop.watch(self)

    def del_channel(self, map: Any = None) -> None:  # noqa: A002 - as Waitress calls it
        """Be none any more."""
        self.server.loop.forget(self._fileno)
        super().del_channel(map)

    def service(self) -> None:
        """Answer its next request, or go on with the answer that paused."""
        self.begun += 1
        left = self._left
        try:
            super().service()
        except Paused as paused:
            self._left = paused.answer
            self._park(paused.pause)
        else:
            # From here on another thread may be at the next request already.
            if left is not None:
                left.abandon()

    def task_class(self, channel: Any, request: Any) -> Answer:
        """The answer to work at."""
        left, self._left = self._left, None
        return left or Answer(channel, request)

    def cancel(self) -> None:
        """Give up, at the server's end."""
        left, self._left = self._left, None
        super().cancel()
        if left is not None:
            left.abandon()

    def flush(self) -> None:
        """Send what was written, as far as the client takes it; the loop sends the rest."""
        with self.outbuf_lock:
            if self.connected and self.total_outbufs_len:
                self._flush_exception(self._flush_some, do_close=False)
                if self.total_outbufs_len or self.will_close:
                    self.server.pull_trigger()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send some of it, and say how much."""
        sent: int = super().send(data, do_close=do_close)
        self.bytes_sent += sent
        return sent

    def readable(self) -> bool:
        """Whether to read from it. While a request is answered, only a pause has it read: to see that its client left.

        A client may close its half of the connection when it has sent its request; it is answered, if at once.
        """
        if self._leaves_at is not None:
            return True
        return bool(super().readable()) and (self.is_parked or not self.requests)

    def writable(self) -> bool:
        """Whether there is something to write, or to end."""
        return self._leaves_at is None and bool(super().writable())

    def handle_read(self) -> None:
        """Read."""
        if self._leaves_at is None:
            super().handle_read()
        else:
            self.recv(_MOST_AT_ONCE)

    def handle_write(self) -> None:
        """Send what is there, be it little."""
        self._flush_exception(self._flush_some_if_lockable)
        if not self.connected:
            return
        if self.lingers and self.close_when_flushed and not self.total_outbufs_len and not self.will_close:
            self._linger()
        else:
            super().handle_write()

    def handle_close(self) -> None:
        """Close it. An answer that pauses is gone on with, to be abandoned."""
        super().handle_close()
        pause = self._pause
        if pause is not None:
            self._go_on(pause)

    def is_overdue(self, now: float) -> bool:
        """Whether its client is too slow, or has been quiet for too long.

        Args:
            now: on the monotonic clock.
        """
        if self._leaves_at is not None:
            return now > self._leaves_at
        return self.pace.is_overdue(self, self.server.bounds, now)

    def _park(self, pause: Pause) -> None:
        with self._pause_lock:
            self._pause = pause
        pause.then(partial(self._go_on, pause))
        if not self.connected:  # it may have been closed before there was a pause to see
            self._go_on(pause)

    def _go_on(self, pause: Pause) -> None:
        with self._pause_lock:
            if self._pause is not pause:
                return
            self._pause = None
        self.server.loop.watch(self)
        self.server.add_task(self)

    def _linger(self) -> None:
        # Closing now would reset the connection, for what was not read; then the client might not see the answer.
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()
            return
        self.close_when_flushed = False
        self._leaves_at = time.monotonic() + _LINGER_S
