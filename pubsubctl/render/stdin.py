"""Standard input, waited for so that Ctrl-C ends it wherever it is."""

import contextlib
import io
import os
import select
import sys
from collections.abc import Generator, Iterator
from typing import BinaryIO

from pubsubctl.errors import UsageError

_LOOK_S = 0.5
"""How long it is waited at a time. The kernel may give a signal to a thread of gRPC's, which does not wake the main
thread; Python calls the signal's handler once the main thread runs."""
_PAUSE_S = 0.1
"""How long a line may be in coming before it is said that it is waited for."""
_AT_ONCE = 65_536
_SELECTABLE = 1024
"""The first descriptor that ``select`` cannot take. ``poll`` could; but not a terminal, on macOS."""


class _Patient(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._has_ended = False  # a terminal would be asked again: Ctrl-D ends what was read before it, once

    def fileno(self) -> int:
        return self._descriptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        if self._has_ended:
            return 0
        _wait_for(self._descriptor)
        count = os.readv(self._descriptor, [buffer])
        self._has_ended = not count
        return count


def standard_input() -> BinaryIO:
    """Its bytes; to be asked for once.

    Raises:
        UsageError: the command was started without one.
    """
    descriptor = _descriptor()
    return sys.stdin.buffer if descriptor is None else io.BufferedReader(_Patient(descriptor))


def lines_of(file: BinaryIO, longest: int) -> Iterator[bytes | None]:
    """The lines of a file as they come; None when nothing has come for a while, and again until something does.

    Args:
        file: what is read. Where it has no descriptor that can be waited for, there is no None.
        longest: bytes after which a line comes in pieces, which may be longer by what is read at once.

    Raises:
        OSError: it cannot be read.
    """
    try:
        descriptor = file.fileno()
    except io.UnsupportedOperation:  # something else has been put in its place
        descriptor = _SELECTABLE
    if descriptor >= _SELECTABLE:
        yield from iter(lambda: file.readline(longest), b"")
        return
    begun, size = list[bytes](), 0
    while content := (yield from _content(descriptor)):
        *ends, rest = content.split(b"\n")
        for end in ends:
            line = b"".join((*begun, end, b"\n"))
            begun, size = [], 0
            yield line
        begun.append(rest)
        size += len(rest)
        if size >= longest:
            line = b"".join(begun)
            begun, size = [], 0
            yield line
    if size:
        yield b"".join(begun)


def typed_line() -> str:
    """The next line that somebody types."""
    descriptor = _descriptor()
    if descriptor is not None:
        _wait_for(descriptor)
    return sys.stdin.readline()


def _descriptor() -> int | None:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("standard input is closed, so nothing can be read from it")
    try:
        return sys.stdin.fileno()
    except io.UnsupportedOperation:  # something else has been put in its place
        return None


def _content(descriptor: int) -> Generator[None, None, bytes]:
    """What is there to be read; nothing at the end."""
    patience_s = _PAUSE_S
    while True:
        while not select.select([descriptor], [], [], patience_s)[0]:
            yield
            patience_s = _LOOK_S
        with contextlib.suppress(BlockingIOError):  # another that has it too was quicker
            return os.read(descriptor, _AT_ONCE)


def _wait_for(descriptor: int) -> None:
    if descriptor >= _SELECTABLE:  # put in its place by a program of which this is a part: its reads block
        return
    while not select.select([descriptor], [], [], _LOOK_S)[0]:
        pass
