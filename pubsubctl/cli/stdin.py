"""Standard input, read so that Ctrl-C ends it wherever it waits."""

import io
import os
import select
import sys
from typing import BinaryIO

_LOOK_S = 0.5
"""How long it is waited at a time. The kernel may give a signal to a thread of gRPC's, which does not wake the main
thread; Python calls the signal's handler once the main thread runs."""


class _Patient(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        while not select.select([self._descriptor], [], [], _LOOK_S)[0]:
            pass
        return os.readv(self._descriptor, [buffer])


def standard_input() -> BinaryIO:
    """Its bytes; to be asked for once."""
    try:
        descriptor = sys.stdin.fileno()
    except io.UnsupportedOperation:  # something else has been put in its place
        return sys.stdin.buffer
    return io.BufferedReader(_Patient(descriptor))
