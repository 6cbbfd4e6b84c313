"""What the server's sockets wait for, known to the kernel from one turn of its loop to the next.

Waitress' own loop asks each socket anew at each turn, which is most of the work where thousands of clients wait. Here a
socket is asked again only when something happened to it, or may have.
"""

import selectors
from collections import deque
from typing import Any

from waitress import wasyncore  # type: ignore[import-untyped]


class Loop:
    """Waits for sockets, and has them handle what comes. A socket is one of Waitress' dispatchers.

    Only ``watch`` may be called from any thread. A dispatcher whose ``is_settled`` is true changes what it waits for
    only while it handles something, or says so by ``watch``; all others are asked at every turn.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._watched: deque[Any] = deque()

    def watch(self, dispatcher: Any) -> None:
        """Have this one asked, at the next turn, what it waits for."""
        self._watched.append(dispatcher)

    def forget(self, number: int | None) -> None:
        """The socket of this number is about to be closed."""
        if number is not None and number in self._selector.get_map():
            self._selector.unregister(number)

    def turn(self, timeout_s: float) -> None:
        """Wait until something comes, no longer than ``timeout_s``, and have it handled."""
        for dispatcher in self._take_watched():
            if dispatcher._fileno is None:  # noqa: SLF001 - it is closed, and nothing else tells
                continue
            if not getattr(dispatcher, "is_settled", False):
                self.watch(dispatcher)  # first: what changes from here on is seen then
            self._ask(dispatcher)
        for key, events in self._selector.select(timeout_s):
            _handle(key.data, events)
            self.watch(key.data)

    def close(self) -> None:
        """End."""
        self._selector.close()

    def _take_watched(self) -> list[Any]:
        return list(dict.fromkeys(self._watched.popleft() for _ in range(len(self._watched))))

    def _ask(self, dispatcher: Any) -> None:
        number = dispatcher._fileno  # noqa: SLF001
        events = selectors.EVENT_READ if dispatcher.readable() else 0
        if dispatcher.writable():
            events |= selectors.EVENT_WRITE
        if dispatcher._fileno is None:  # noqa: SLF001 - it closed itself
            return
        known = self._selector.get_map().get(number)
        if not events:
            self.forget(number)
        elif known is None:
            self._selector.register(number, events, dispatcher)
        elif known.events != events:
            self._selector.modify(number, events, dispatcher)


def _handle(dispatcher: Any, events: int) -> None:
    if events & selectors.EVENT_READ and dispatcher._fileno is not None and dispatcher.readable():  # noqa: SLF001
        wasyncore.read(dispatcher)
    if events & selectors.EVENT_WRITE and dispatcher._fileno is not None and dispatcher.writable():  # noqa: SLF001
        wasyncore.write(dispatcher)
