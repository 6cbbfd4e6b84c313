"""Pauses: what a response yields instead of bytes while it waits for something.

A response's iterable may yield a :class:`Pause` wherever it may yield bytes, before ``start_response`` was called or
after, as often as it likes, each time a new one. A server that set ``environ[PAUSING]`` lets go of its thread until
the pause is woken, then goes on with the same iterable in any of its threads. So ten threads answer thousands of
requests that wait. How long a pause may last is the business of who wakes it.
"""

import threading
from collections.abc import Callable

PAUSING = "pubsubctl.pausing"
"""The key in a WSGI environ that is true where the server takes pauses."""


class Pause:
    """Something to wait for. It is woken once and stays so; whoever comes later does not wait."""

    __slots__ = ("_calls", "_lock", "_woken")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._woken = False
        self._calls: list[Callable[[], None]] = []

    def wake(self) -> None:
        """End it. May be called from any thread, any number of times."""
        with self._lock:
            self._woken = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Have ``call`` called once, as soon as this is woken: in the thread that wakes it, or at once if it was."""
        with self._lock:
            if not self._woken:
                self._calls.append(call)
                return
        call()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block this thread until it is woken, where the server does not know pauses.

        Returns:
            Whether it was woken.
        """
        woken = threading.Event()
        self.then(woken.set)
        return woken.wait(timeout_s)
