"""SIGINT, SIGTERM and SIGHUP end what is done like an exception, so that everything that was started is taken down.

The first one does; more of them do not disturb the taking down, which is bounded. While something is being started
or ended it has to wait, as a process that is half known to us would be left behind.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _State:
    waits = 0
    came = False


def install() -> None:
    """From now on, in the main thread; a signal that the process was told to ignore stays ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _heard)


@contextmanager
def deferred() -> Iterator[None]:
    """What is done in here is done as a whole; a signal that came meanwhile is raised at its end.

    Raises:
        KeyboardInterrupt: one came.
    """
    _State.waits += 1
    already = _State.came
    try:
        yield
    finally:
        _State.waits -= 1
    if _State.came and not already and not _State.waits:
        raise KeyboardInterrupt


def _heard(_number: int, _frame: FrameType | None) -> None:
    if _State.came:
        return
    _State.came = True
    if not _State.waits:
        raise KeyboardInterrupt
