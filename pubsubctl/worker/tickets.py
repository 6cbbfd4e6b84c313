"""Who may begin what: a pipe of numbers, which the parent writes and both the parent and its child can read.

A job that was given ahead may be begun by whoever reads its number: the kernel hands each to exactly one reader. So
the parent takes back what has not begun by reading the numbers itself, at once, even while the child is deep in C
code and holds the GIL.

An application may have replaced ``os.read`` by one that waits, which is not what is wanted here; ``select.select`` it
may replace by one that lets what else it has go on meanwhile.
"""

import os
import select
import struct
from collections.abc import Iterable
from os import read

_NUMBER = struct.Struct("!Q")


def open_pipe() -> tuple[int, int]:
    """The reading and the writing end; neither blocks."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _plain_pipe()
    return reading, writing


def write(descriptor: int, numbers: Iterable[int]) -> None:
    """Let these be read, in order."""
    os.write(descriptor, b"".join(map(_NUMBER.pack, numbers)))


def take(descriptor: int) -> int | None:
    """The next number, None where there is none now.

    Raises:
        EOFError: there is nobody left to write any.
    """
    try:
        data = read(descriptor, _NUMBER.size)
    except BlockingIOError:
        return None
    if not data:
        raise EOFError
    number: int = _NUMBER.unpack(data)[0]
    return number


def wait(descriptor: int) -> int:
    """The next number, as soon as there is one.

    Raises:
        EOFError: there is nobody left to write any.
    """
    while (number := take(descriptor)) is None:
        select.select([descriptor], [], [])
    return number


def _plain_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing
