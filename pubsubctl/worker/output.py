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
from contextlib import suppress
from typing import Protocol

from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")
_app_log = logging.getLogger("pubsubctl.app")

_STDERR = 2
_FULL = 1 << 20
_MOST = 8 << 20
_LONGEST_LINE = 8192
_STUCK_S = 1.0
_CLOSING_S = 1.0


class Output(Protocol):
    """What takes the output of children. It is called from one thread, and may block."""

    def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:
        """Take some bytes.

        Args:
            pid: the child that printed them, or something that it started.
            data: what it printed; nothing, once the child has ended.
            tasks: what it ran at that time.
        """


def write_through(pid: int, data: bytes, tasks: list[Task]) -> None:  # noqa: ARG001 - an Output
    """Write the bytes to this process's stderr, as they are."""
    with suppress(OSError):  # nobody reads it any more
        while data:
            try:
                data = data[os.write(_STDERR, data) :]
            except BlockingIOError:
                select.select([], [_STDERR], [])


class LogLines:
    """An ``Output`` that logs each line as a record of ``pubsubctl.app``; with its job, when just one runs there."""

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}

    def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:
        """Log the lines that these bytes complete."""
        *lines, part = (self._parts.pop(pid, b"") + data).split(b"\n")
        if part and (not data or len(part) > _LONGEST_LINE):
            lines.append(part)
        elif part:
            self._parts[pid] = part
        extra = about(tasks[0]) if len(tasks) == 1 else {}
        for line in lines:
            if line := line.rstrip(b"\r"):
                _app_log.info("%s", line.decode("utf-8", "replace"), extra={"child": pid, **extra})


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
