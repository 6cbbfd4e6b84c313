"""What a worker's main thread has to act on, from whichever thread or signal it comes."""

import queue
import time
from dataclasses import dataclass, field
from enum import Enum, auto

from pubsubctl.errors import PubsubctlError

_LOOK_S = 0.5
"""How long the main thread waits at a time. The kernel may give a signal to another thread (it does where the process
was stopped when it came), and Python calls its handler only when the main thread runs."""


class What(Enum):
    """What a notice is about."""

    SIGNAL = auto()
    LOADED = auto()  # a child has loaded the application
    FAILED = auto()  # the worker cannot go on
    ENOUGH = auto()  # a stop condition holds
    DRAINED = auto()  # nothing is left in hand
    CLOSED = auto()  # every part has ended


@dataclass(frozen=True)
class Notice:
    """Something that has happened.

    Attributes:
        text: which signal, or why, one line for people.
        error: what a failure is raised as.
        at: when, by ``time.monotonic``.
    """

    what: What
    text: str = ""
    error: type[PubsubctlError] = PubsubctlError
    at: float = field(default_factory=time.monotonic)


class Notices:
    """The main thread's inbox. Anybody may put, signal handlers included; only the main thread takes."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Notice] = queue.SimpleQueue()  # which alone may be used by signal handlers

    def put(self, notice: Notice) -> None:
        """Leave a notice."""
        self._queue.put(notice)

    def next(self) -> Notice:
        """Wait for the next one."""
        while (notice := self.next_until(time.monotonic() + _LOOK_S)) is None:
            pass
        return notice

    def next_until(self, deadline: float) -> Notice | None:
        """Wait for the next one, no longer than that (by ``time.monotonic``); None once it has passed."""
        while True:
            left = deadline - time.monotonic()
            try:
                return self._queue.get(timeout=min(max(0.0, left), _LOOK_S))
            except queue.Empty:
                if left <= _LOOK_S:
                    return None
