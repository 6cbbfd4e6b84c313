"""What is started here is entered and left as a whole; the signals are those of ``pubsubctl.sandbox.interrupts``."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

from pubsubctl.sandbox.interrupts import deferred, install

__all__ = ["install", "undisturbed"]

_Entered = TypeVar("_Entered")


@contextmanager
def undisturbed(context: AbstractContextManager[_Entered]) -> Iterator[_Entered]:
    """The same context, but entered and left as a whole; only what is done in between may be interrupted."""
    stack = ExitStack()
    try:
        with deferred():
            entered = stack.enter_context(context)
        yield entered
    finally:
        with deferred():
            stack.close()
