"""What the application prints and logs in a child: passed on at once, and the last of it kept with the attempt.

Which attempt a line belongs to is told by a context variable, so jobs in other threads do not mix. A thread that the
application starts belongs to its job if it runs in a copy of the context; with one thread of jobs, always.
"""

import io
import logging
import os
import sys
from _thread import RLock  # the real one, whatever the application makes of threads; threading.RLock may be any
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from select import select
from typing import Any

from pubsubctl.worker.marks import Mark, marked
from pubsubctl.worker.tail import Tail

_write = os.write  # the real one, as it has no frame of Python's own: see ``_is_handlers``
_MOST_HELD = 4096
_PATIENCE_S = 1.0
_FORMAT = logging.Formatter("%(levelname)s %(name)s: %(message)s")


class Log:
    """What one attempt has printed and logged; a line that is not complete waits a moment for its end.

    Attributes:
        mark: what its output is marked with, if that is asked for.
        line_is_open: what was let out last was not the end of a line.
        is_over: the attempt has ended; nobody lets out what waits any more, so nothing does.
    """

    def __init__(self, mark: Mark | None = None) -> None:
        self.mark = mark
        self.line_is_open = False
        self.is_over = False
        self.tail = Tail()
        self.held: dict[int, bytearray] = {}
        self._turn = RLock()
        self._is_taken = False

    def take_turn(self, work: Callable[[bool], None]) -> None:
        """Do something while nobody else prints, so that what is let out is so once, and in order.

        Args:
            work: is told whether it may touch what waits. It may not where this thread has the turn already, as a
                signal came while it printed, and the signal's handler prints too.
        """
        with self._turn:  # in C alone, or a handler that raises might come between the lock and what gives it back
            may = not self._is_taken
            before = self._is_taken
            try:
                self._is_taken = True
                work(may)
            finally:
                self._is_taken = before

    def take_turn_if_free(self, work: Callable[[bool], None]) -> None:
        """Do it unless somebody prints just now. Not for the main thread, where handlers of signals may raise."""
        turn = self._turn
        if turn.acquire(blocking=False):
            try:
                self.take_turn(work)
            finally:
                turn.release()

    def fork(self) -> None:
        """This is a copy in a process that the application has forked: what waits is let out by the original."""
        self._turn = RLock()
        self._is_taken = False
        self.held.clear()

    def lines(self, descriptor: int, data: bytes) -> bytes:
        """What is to be written now: whole lines, so that those of other threads do not get into them."""
        held = self.held.setdefault(descriptor, bytearray())
        held += data
        end = len(held) if self.is_over or len(held) > _MOST_HELD else held.rfind(b"\n") + 1
        whole = bytes(held[:end])
        del held[:end]
        return whole

    def rest(self, descriptor: int) -> bytes:
        """What waits for the end of its line."""
        held = self.held.pop(descriptor, b"")
        return bytes(held)


_current: ContextVar[Log | None] = ContextVar("pubsubctl_log", default=None)
_level: ContextVar[int] = ContextVar("pubsubctl_level", default=0)


class Capture:
    """The standard streams of a child.

    Args:
        alone: one job runs at a time, so that whatever is printed meanwhile belongs to it.
        marks: what is printed is to be marked with its attempt, see ``marks``.

    Attributes:
        written: how many bytes went through the streams.
    """

    def __init__(self, *, alone: bool, marks: bool = False) -> None:
        self.written = 0
        self.stderr = _Stream(_Tee(self, 2))
        self._stdout = _Stream(_Tee(self, 1))
        self._alone = alone
        self._marks = marks
        self._logs: set[Log] = set()
        self._counting = RLock()

    def install(self) -> None:
        """Be the standard streams of this process, and hear what its loggers let through."""
        sys.stdout = sys.__stdout__ = self._stdout  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = self.stderr  # type: ignore[misc]
        _hear_loggers(self)

    def fork(self) -> None:
        """This is a copy in a process that the application has forked, in which other threads hold nothing any more."""
        self._counting = RLock()
        mine = _current.get()  # of an attempt that is over it may be, where the thread began within it
        for log in {*self._logs, *([mine] if mine is not None else [])}:
            log.fork()

    @contextmanager
    def attempt(self, job_id: str = "", number: int = 0) -> Iterator[Log]:
        """Let what is printed inside belong to one attempt."""
        log = Log(Mark(job_id, number) if self._marks else None)
        self._logs.add(log)
        token = _current.set(log)
        try:
            yield log
        finally:
            _current.reset(token)
            log.is_over = True
            self._logs.discard(log)
            self.let_out(log)
            if log.mark is not None and log.line_is_open:  # else the next one's first line would go on from there
                self.put(1, b"\n", log)

    def log(self) -> Log | None:
        """The attempt that this code belongs to."""
        log = _current.get()
        return next(iter(tuple(self._logs)), None) if log is None and self._alone else log

    def take(self, log: Log, descriptor: int, data: bytes) -> None:
        """An attempt prints this."""
        log.take_turn(partial(self._take, log, descriptor, data))

    def let_out(self, log: Log, *descriptors: int) -> None:
        """Let out what waits for the end of its line: for these descriptors, or for all."""
        log.take_turn(partial(self._let_out, log, descriptors))

    def flush(self) -> None:
        """Let out what waits for the end of its line, but for what somebody is about to add to."""
        for log in tuple(self._logs):
            log.take_turn_if_free(partial(self._let_out, log, ()))

    def put(self, descriptor: int, data: bytes, log: Log | None = None) -> None:
        """Write, wholly; what cannot be written, since the application has closed the descriptor, is lost."""
        if log is None or log.mark is None:
            self._write(descriptor, data)
        elif data:
            log.line_is_open = not data.endswith(b"\n")
            for piece in marked(log.mark._replace(level=_level.get()), data):
                self._write(descriptor, piece)

    def _write(self, descriptor: int, data: bytes) -> None:
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                try:
                    done += _write(descriptor, view[done:])
                except OSError as error:
                    if _is_handlers(error):
                        raise
                    if not isinstance(error, BlockingIOError):
                        break
                    select([], [descriptor], [], _PATIENCE_S)
            with self._counting:
                self.written += done

    def _take(self, log: Log, descriptor: int, data: bytes, may: bool) -> None:
        log.tail.feed(data)
        self.put(descriptor, log.lines(descriptor, data) if may else data, log)

    def _let_out(self, log: Log, descriptors: Sequence[int], may: bool) -> None:
        for descriptor in (descriptors or tuple(log.held)) if may else ():
            self.put(descriptor, log.rest(descriptor), log)


def _is_handlers(error: OSError) -> bool:
    """Whether the handler of a signal has raised it during a system call, which itself has no frame of its own."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


class _Tee(io.RawIOBase):
    """What is written goes to the descriptor and to the attempt."""

    def __init__(self, capture: Capture, descriptor: int) -> None:
        self._capture = capture
        self._descriptor = descriptor

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        log = self._capture.log()
        if log is None:
            self._capture.put(self._descriptor, piece)
        else:
            self._capture.take(log, self._descriptor, piece)
        return len(piece)

    def flush(self) -> None:
        if (log := self._capture.log()) is not None:
            self._capture.let_out(log, self._descriptor)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor


class _Stream(io.TextIOWrapper):
    """A standard stream that an application cannot close: other jobs need it too."""

    def __init__(self, tee: _Tee) -> None:
        super().__init__(tee, encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[arg-type]

    def close(self) -> None:
        self.flush()


def _hear_loggers(capture: Capture) -> None:
    """Keep records too that no handler prints: by default those below WARNING, or what goes to a file.

    What a handler prints is known to be as severe as its record.
    """
    original = logging.Logger.callHandlers

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        log = capture.log()
        before = log.tail.total if log is not None else 0
        token = _level.set(record.levelno)
        try:
            original(self, record)
        finally:
            _level.reset(token)
        if log is not None and log.tail.total == before:
            _note(log, record)

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]


def _note(log: Log, record: logging.LogRecord) -> None:
    try:
        line = _FORMAT.format(record)
    except Exception as error:  # noqa: BLE001 - a record whose text and arguments do not fit, as logging itself takes it
        line = f"{record.levelname} {record.name}: {record.msg!r} cannot be formatted: {error!r}"
    data = f"{line}\n".encode(errors="backslashreplace")
    log.take_turn(lambda _: log.tail.feed(data))
