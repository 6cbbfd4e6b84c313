"""What the pool's thread waits for: the sockets and pipes of the children, and a bell that any thread may ring."""

import contextlib
import selectors
import socket
from collections.abc import Callable

from pubsubctl.worker.process import Child

Handler = Callable[[Child], None]


class Switchboard:
    """Calls whoever is to act on what has come.

    Args:
        on_readable: a child has said something, or its socket has ended.
        on_writable: a child can be sent more.
        on_printed: a child has printed something, or can print no more.
    """

    def __init__(self, *, on_readable: Handler, on_writable: Handler, on_printed: Handler) -> None:
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._on_printed = on_printed
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)

    def wait(self, timeout_s: float) -> None:
        """Wait until something comes, and have it acted on."""
        for key, mask in self._selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(4096)
            elif key.fileobj not in self._selector.get_map():
                continue  # what came before has made an end of this child
            elif key.fileobj is key.data.socket:
                if mask & selectors.EVENT_WRITE:
                    self._on_writable(key.data)
                if mask & selectors.EVENT_READ:
                    self._on_readable(key.data)
            else:
                self._on_printed(key.data)

    def ring(self) -> None:
        """Have the waiting end."""
        with contextlib.suppress(OSError):
            self._rope.send(b"!")

    def connect(self, child: Child) -> None:
        """Listen to a child, and to what it prints."""
        self._selector.register(child.socket, selectors.EVENT_READ, child)
        self.unmute(child)

    def write(self, child: Child) -> None:
        """Send it what can be sent now; ``on_writable`` is called when the child has read on."""
        child.flush()
        if child.socket.fileno() < 0:
            return  # it was reaped meanwhile
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.outgoing else 0)
        key = self._selector.get_map().get(child.socket.fileno())
        if key is not None and key.events != wanted:
            self._selector.modify(child.socket, wanted, child)
            self.ring()

    def mute(self, child: Child) -> None:
        """Do not listen to what it prints."""
        child.printed.muted = True
        self._drop(child.printed.descriptor)

    def unmute(self, child: Child) -> None:
        """Listen to what it prints."""
        child.printed.muted = False
        self._selector.register(child.printed.descriptor, selectors.EVENT_READ, child)

    def hush(self, child: Child) -> None:
        """It can print no more."""
        self._drop(child.printed.descriptor)

    def cut_off(self, child: Child) -> None:
        """It says no more."""
        self._drop(child.socket)

    def disconnect(self, child: Child) -> None:
        """Forget a child."""
        self.cut_off(child)
        self.hush(child)

    def close(self) -> None:
        """Give back what it holds."""
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def _drop(self, place: socket.socket | int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(place)
