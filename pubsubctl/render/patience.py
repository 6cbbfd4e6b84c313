"""A log whose reader may have stopped: a terminal after Ctrl-S, a pager, a collector that hangs."""

import io
import logging
import os
import select
import time
from typing import TextIO

_PATIENCE_S = 1.0
_PIECE = 4096
"""What a pipe that can take anything takes without blocking."""


class PatientHandler(logging.StreamHandler[TextIO]):
    """Waits a second for its stream; what cannot be written then is lost, and that is told when it can.

    Whoever logs may hold a lock that everybody needs, so nothing here waits for long.
    """

    _lost = 0
    _cut = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            descriptor = self.stream.fileno()
        except (io.UnsupportedOperation, ValueError):
            super().emit(record)  # it is no file, or closed
            return
        try:
            self._write(descriptor, record)
        except Exception:  # noqa: BLE001 - as logging's own handlers take it
            self.handleError(record)

    def _write(self, descriptor: int, record: logging.LogRecord) -> None:
        if self._lost and _takes_more(descriptor, 0.0):
            lost, self._lost = self._lost, 0
            told = {"name": record.name, "levelno": logging.WARNING, "levelname": "WARNING", "args": (lost,)}
            text = "lines of this log that are lost, since nobody read it: %d"
            self._put(descriptor, logging.makeLogRecord(told | {"msg": text}))
        self._put(descriptor, record)

    def _put(self, descriptor: int, record: logging.LogRecord) -> None:
        text = self.terminator * self._cut + self.format(record) + self.terminator
        data = text.encode(errors="backslashreplace")
        deadline = time.monotonic() + (0.0 if self._lost else _PATIENCE_S)
        whole = len(data)
        while data:
            if not _takes_more(descriptor, max(0.0, deadline - time.monotonic())):
                self._lost += 1
                self._cut = self._cut or len(data) < whole  # the next record begins a line of its own
                return
            data = data[os.write(descriptor, data[:_PIECE]) :]
        self._cut = False


def _takes_more(descriptor: int, within_s: float) -> bool:
    return bool(select.select([], [descriptor], [], within_s)[1])
