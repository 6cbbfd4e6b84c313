"""SIGINT, SIGTERM and SIGHUP end the run like an exception, so that everything that was started is taken down.

The first one does; more of them do not disturb the taking down, which is bounded. While something is being started
or ended it has to wait, as a process that is half known to us would be left behind.
"""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import TypeVar

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Entered = TypeVar("_Entered")


class _State:
    waits = 0
    came = False


def install() -> None:
    """From now on; in the main thread."""
    for number in _SIGNALS:
        signal.signal(number, _heard)


@contextmanager
def undisturbed(context: AbstractContextManager[_Entered]) -> Iterator[_Entered]:
    """The same context, but entered and left as a whole; only what is done in between may be interrupted."""
    stack = ExitStack()
    try:
        with _deferred():
            entered = stack.enter_context(context)
        yield entered
    finally:
        with _deferred():
            stack.close()


@contextmanager
def _deferred() -> Iterator[None]:
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
