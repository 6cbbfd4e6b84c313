"""Signals as something to wait for."""

import contextlib
import os
import select
import signal
from types import FrameType
from typing import Any, Self

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """While entered, SIGTERM, SIGINT and SIGHUP are recorded, and end a wait, as SIGCHLD does. For the main thread."""

    def __init__(self) -> None:
        self.told_to_end = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in (*_ENDING, signal.SIGCHLD):
            # A hangup that our parent had us ignore (nohup) stays ignored.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._record)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a signal, or until the time is over; whether one has told this process to end."""
        if not self.told_to_end:
            select.select([self._reading], [], [], timeout_s)
            with contextlib.suppress(BlockingIOError):
                os.read(self._reading, 1_000)
        return self.told_to_end

    def _record(self, number: int, _: FrameType | None) -> None:
        self.told_to_end = self.told_to_end or number in _ENDING
