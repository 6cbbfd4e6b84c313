"""What a child prints: its pipe, the last of what came by it, and which of that belongs to which task."""

import itertools
import os

from pubsubctl.worker.marks import unmarked
from pubsubctl.worker.tail import Tail

_PIECE = 1 << 16
_MOST_PIECES = 64


class Printed:
    """The reading end of the pipe that a child has as its standard output and error.

    Where a task's output begins is told by what the child says to have printed itself, and by what came besides: from
    code that is not Python's, and from processes that it started. The latter can be told only while no task runs.

    Attributes:
        descriptor: the pipe.
        muted: it is not read for a while, since more has come than can be passed on.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.muted = False
        self._tail = Tail()
        self._own = 0
        self._besides = 0

    def read(self) -> bytes | None:
        """The next that was printed; nothing where there is no more now, None once nobody can print more."""
        try:
            data = os.read(self.descriptor, _PIECE)
        except BlockingIOError:
            return b""
        self._tail.feed(data)
        return data or None

    def read_last(self) -> bytes:
        """All that there is when the child has ended; what it started may print on, but is not waited for."""
        pieces = itertools.islice(iter(self.read, None), _MOST_PIECES)
        return b"".join(itertools.takewhile(bool, pieces))

    def note(self, own: int) -> None:
        """The child says how much it has printed itself."""
        self._own = max(own, self._own)

    @property
    def is_behind(self) -> bool:
        """Whether more was printed than has been read."""
        return self._own > self._tail.total

    def settle(self) -> None:
        """No task runs, so that what the child has said last is all that it has printed itself."""
        self._besides = max(self._besides, self._tail.total - self._own)

    def mark(self) -> int:
        """Where what a task prints begins, which begins now; for ``since``."""
        return self._own + self._besides

    def since(self, mark: int) -> str:
        """The last of what was printed since then."""
        return unmarked(self._tail.text(mark))

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self.descriptor)
