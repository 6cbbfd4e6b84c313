"""A child's end of the socket to its parent."""

import contextlib
import fcntl
import os
import resource
import socket
import threading
from typing import NoReturn

from pubsubctl.worker.frames import Frame, Unpacker

_CHUNK = 1 << 18
_HIGH = 900
"""Above what applications close when they close "everything", and below what ``select`` can wait for."""

CUT_OFF = 121
"""The exit status of a child whose application has closed the way to the parent."""


def leave(error: OSError) -> NoReturn:
    """End this process, since it cannot talk to its parent: the parent has gone, or the way to it was closed here."""
    os._exit(0 if isinstance(error, BrokenPipeError | ConnectionResetError) else CUT_OFF)


def out_of_the_way(descriptor: int) -> int:
    """The same file under a number that applications are unlikely to close or reuse; not inherited."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit <= _HIGH + 2:
        os.set_inheritable(descriptor, False)
        return descriptor
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    return high


class Channel:
    """The child's end of the socket; silent in whatever the application forks.

    Attributes:
        ours: whether this is the child itself, and not what the application forked.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=out_of_the_way(descriptor))
        self._unpacker = Unpacker()
        self._lock = threading.Lock()
        self.ours = True

    def receive(self) -> list[Frame]:
        """Wait for frames; an empty list says that the parent has gone."""
        while data := self._socket.recv(_CHUNK):
            if frames := list(self._unpacker.feed(data)):
                return frames
        return []

    def close(self) -> None:
        """Let go of the socket, without a word to the parent: this is what the application forked."""
        self.ours = False
        with contextlib.suppress(OSError):
            self._socket.close()

    def send(self, data: bytes) -> None:
        """Send whole frames, from any thread."""
        if self.ours:
            with self._lock:
                self._socket.sendall(data)
