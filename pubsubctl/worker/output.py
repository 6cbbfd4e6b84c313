"""Where the output of children goes: to the worker's own stderr, as it is or as lines of its log.

Children write into pipes, which the pool reads. A thread of its own passes that on, since a terminal may be stopped
and a log collector slow; neither may hold up the pool.
"""

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from pubsubctl.worker.marks import Mark, Sorter
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")
_app_log = logging.getLogger("pubsubctl.app")

_STDERR = 2
_FULL = 1 << 20
_MOST = 8 << 20
_LONGEST_LINE = 8192
_LONGEST_CHARACTER, _CONTINUES = 4, 0x80
"""Bytes of a character in UTF-8, and how all but its first one begin."""
_PIECE = 4096
"""What is written at once, so that the worker's own log has its turn while much is printed."""
_STUCK_S = 1.0
_CLOSING_S = 1.0


class Output(Protocol):
    """What takes the output of children. It is called from one thread, and may block.

    Attributes:
        marked: children are to mark what they print with the attempt that it is of.
    """

    marked: bool = False

    def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:
        """Take some bytes.

        Args:
            pid: the child that printed them, or something that it started.
            data: what it printed; nothing, once the child has ended.
            tasks: what it ran at that time.
        """


class WriteThrough(Output):
    """Writes the bytes to this process's stderr, as they are."""

    def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:  # noqa: ARG002 - an Output
        """Write the bytes."""
        with suppress(OSError):  # nobody reads it any more
            while data:
                try:
                    data = data[os.write(_STDERR, data[:_PIECE]) :]
                except BlockingIOError:
                    select.select([], [_STDERR], [])


write_through = WriteThrough()


class LogLines(Output):
    """Logs each line as a record of ``pubsubctl.app``, with its attempt, and as severe as it was.

    What has no mark, as something else than the child's own Python has printed it, is of the one job that runs there.
    """

    marked = True

    def __init__(self) -> None:
        _app_log.setLevel(1)  # what was printed was let through already, by the application's own settings
        self._children: dict[int, _Lines] = {}

    def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:
        """Log the lines that these bytes complete."""
        extra = about(tasks[0]) if len(tasks) == 1 else {}
        for mark, line in self._children.setdefault(pid, _Lines()).feed(data):
            level = mark.level if mark is not None else 0
            whose = extra if mark is None else {"job_id": mark.job_id, "attempt": mark.attempt}
            text = line.decode("utf-8", "replace")
            _app_log.log(level or logging.INFO, "%s", text, extra={"child": pid, **whose})
        if not data:
            del self._children[pid]


class _Lines:
    """The lines of one child; what is not complete yet waits for its end, that of each attempt apart."""

    def __init__(self) -> None:
        self._sorter = Sorter()
        self._parts: dict[tuple[str, int] | None, tuple[Mark | None, bytes]] = {}

    def feed(self, data: bytes) -> Iterator[tuple[Mark | None, bytes]]:
        """The lines that these bytes complete; with no bytes, all that there is."""
        for mark, piece in self._sorter.sorted(data):
            whose = mark[:2] if mark is not None else None
            *lines, part = (self._parts.pop(whose, (None, b""))[1] + piece).split(b"\n")
            for line in lines:
                yield from ((mark, cut) for cut in _cut(line.rstrip(b"\r")))
            *full, part = _cut(part) or [b""]
            yield from ((mark, cut) for cut in full)
            if part:
                self._parts[whose] = mark, part
        if not data:
            yield from self._parts.values()
            self._parts.clear()


def _cut(line: bytes) -> list[bytes]:
    """A line in pieces that are not too long, none of which ends within a character; none of an empty one."""
    pieces = []
    while len(line) > _LONGEST_LINE:
        end = _LONGEST_LINE
        while end > _LONGEST_LINE - _LONGEST_CHARACTER and line[end] & 0xC0 == _CONTINUES:
            end -= 1
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line] if line else pieces


def about(task: Task) -> dict[str, object]:
    """What a record of the log says of the attempt that it is about."""
    return {"job_id": task.job_id, "attempt": task.claimed.attempt}


class Forwarder:
    """Passes output on in a thread of its own; only ``close`` blocks.

    What comes faster than it goes is lost in the end, and that is told.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._waiting: deque[tuple[int, bytes, list[Task]]] = deque()
        self._size = 0
        self._lost = 0
        self._moved_at = 0.0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)

    @property
    def full(self) -> bool:
        """So much waits that whoever prints should wait too; not so where nothing goes at all any more."""
        return self._size > _FULL and time.monotonic() - self._moved_at < _STUCK_S

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, pid: int, data: bytes, tasks: list[Task]) -> None:
        """Pass this on, after what waits."""
        with self._changed:
            if self._size + len(data) > _MOST:
                self._lost += len(data)
                return
            if not self._waiting:
                self._moved_at = time.monotonic()
            self._waiting.append((pid, data, tasks))
            self._size += len(data)
            self._changed.notify()

    def close(self) -> None:
        """Pass on what waits, as far as that goes within a second, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                piece = self._waiting.popleft()
                lost, self._lost = self._lost, 0
            try:
                self._output(*piece)
            except Exception:  # noqa: BLE001 - an output is not ours, and the next piece may go through
                _log.exception("output of a child is lost")
            with self._changed:
                self._size -= len(piece[1])
                self._moved_at = time.monotonic()
            if lost:
                _log.warning("%d bytes of the application's output are lost: they came faster than they went", lost)
