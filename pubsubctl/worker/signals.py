"""Signals, and threads that die, as notices for the main thread."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pubsubctl.worker.notices import Notice, Notices, What

_log = logging.getLogger("pubsubctl.worker")

HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_OURS = frozenset(
    {
        "recorder",
        "pool",
        "keeper",
        "sweeper",
        "puller",
        "stream",
        "leases",
        "reconciler",
        "health",
        "stopping",
        "reload",
        "draining",
        "closing",
    }
)


@contextmanager
def heard(notices: Notices) -> Iterator[None]:
    """Let signals be notices; handlers only record."""

    def record(number: int, _: Any) -> None:
        notices.put(Notice(What.SIGNAL, signal.Signals(number).name))

    # What our parent had us ignore (nohup, a shell's background job) stays ignored.
    chosen = [number for number in HEARD if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, record) for number in chosen}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def thread_failures(notices: Notices) -> Iterator[None]:
    """A thread of ours that dies of a fault stops the worker: half a worker would keep leases and do nothing."""
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        if failure.thread is None or failure.thread.name not in _OURS:
            _log.debug("a thread that is none of ours has ended: %r", failure.exc_value)
            return
        before(failure)
        notices.put(Notice(What.FAILED, f"the {failure.thread.name} thread failed: {failure.exc_value!r}"))

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
