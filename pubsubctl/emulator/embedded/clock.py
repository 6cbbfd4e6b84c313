"""Time, as the broker sees it."""

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Where the broker reads time, so that tests can move it."""

    def monotonic(self) -> float:
        """Seconds that only rise: what leases and back-offs are measured with."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970 UTC: what publish times are stamped with."""

    def on_jump(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` whenever time moved other than by passing."""


class SystemClock:
    """The machine's own clock; it never jumps."""

    monotonic = staticmethod(time.monotonic)
    time_ns = staticmethod(time.time_ns)

    def on_jump(self, callback: Callable[[], object]) -> None:
        """Nothing to do."""


class MovableClock:
    """A clock that runs with the machine's, and can be moved forward besides."""

    def __init__(self) -> None:
        self._offset_ns = 0
        self._callbacks: list[Callable[[], object]] = []

    def monotonic(self) -> float:
        """The machine's time plus all moves."""
        return time.monotonic() + self._offset_ns / 1e9

    def time_ns(self) -> int:
        """The machine's time plus all moves."""
        return time.time_ns() + self._offset_ns

    def on_jump(self, callback: Callable[[], object]) -> None:
        """Call ``callback``, in the mover's thread, after each move."""
        self._callbacks.append(callback)

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self._offset_ns += int(seconds * 1e9)
        for callback in self._callbacks:
            callback()
