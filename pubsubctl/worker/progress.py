"""``pubsubctl.progress``: how far the job that runs here has come."""

import os
import time
from _thread import RLock  # the real one, whatever the application makes of threads; threading.RLock may be any
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Send = Callable[[float | None, str | None], None]

_LEAST_GAP_S = 0.02
"""How long after a report the next one waits: no application can flood its parent."""


class Reporter:
    """Sends the progress of one job, not too often, and never without its last word."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._owner = os.getpid()
        self._lock = RLock()
        self._is_sending = False
        self._sent_at = 0.0
        self._waiting: tuple[float | None, str | None] | None = None
        self._closed = False

    def report(self, fraction: float | None, note: str | None) -> None:
        """Send it now, or leave it for ``flush`` when one was sent a moment ago; a copy that was forked sends none."""
        if os.getpid() != self._owner:
            return  # whoever had the lock is not here to give it back
        with self._lock:
            if self._closed:
                return
            self._waiting = (fraction, note)
            if not self._is_sending and time.monotonic() - self._sent_at >= _LEAST_GAP_S:
                self._send_waiting()

    def flush(self) -> None:
        """Send what still waits."""
        with self._lock:
            if not self._is_sending:
                self._send_waiting()

    def close(self) -> None:
        """The job has ended: nothing is sent any more."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._closed, self._waiting = True, None

    def _send_waiting(self) -> None:
        if self._waiting is None:
            return
        self._is_sending = True  # the handler of a signal may report too, and must not get in between
        try:
            report, self._waiting = self._waiting, None
            self._send(*report)
            self._sent_at = time.monotonic()
        finally:
            self._is_sending = False


_current: ContextVar[Reporter | None] = ContextVar("pubsubctl_progress", default=None)


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Let ``progress`` inside report to ``reporter``."""
    token = _current.set(reporter)
    try:
        yield
    finally:
        _current.reset(token)


def progress(fraction: float | None = None, note: str | None = None) -> None:
    """Say how far the job is that runs this code; outside a job this does nothing.

    It may be called as often as is convenient: what comes too fast is thinned out.

    Args:
        fraction: from 0 to 1; what is outside is taken as the nearer end.
        note: a few words for people, such as ``"epoch 2/5"``; 200 characters are kept.
    """
    reporter = _current.get()
    if reporter is None:
        return
    bounded = None if fraction is None or fraction != fraction else min(1.0, max(0.0, float(fraction)))  # noqa: PLR0124 - NaN
    reporter.report(bounded, None if note is None else str(note)[:200])
