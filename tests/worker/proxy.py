"""A TCP proxy between a worker and its broker that stops forwarding, and keeps every connection open."""

import contextlib
import socket
import threading
from typing import Self


class _Pipe:
    """One direction of one connection; forwards while it is not stalled."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.flows = threading.Event()
        self.flows.set()
        self._source, self._target = source, target
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._source.recv(1 << 16):
                self.flows.wait()
                self._target.sendall(data)
        for end in (self._source, self._target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Forwards connections to ``target`` (``host:port``)."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._to_broker: list[_Pipe] = []
        self._to_worker: list[_Pipe] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def stall(self, *, to_broker: bool = True, to_worker: bool = True) -> None:
        """Forward nothing more of the connections there are; new ones work."""
        for pipe in (*(self._to_broker if to_broker else ()), *(self._to_worker if to_worker else ())):
            pipe.flows.clear()

    def _accept(self) -> None:
        host, _, port = self._target.rpartition(":")
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                far = socket.create_connection((host, int(port)))
                self._sockets.append(far)
                self._to_broker.append(_Pipe(near, far))
                self._to_worker.append(_Pipe(far, near))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which ends an ``accept``, as closing it does not
        self._accepting.join()
        self._listener.close()
        for pipe in (*self._to_broker, *self._to_worker):
            pipe.flows.set()
        for each in self._sockets:
            each.close()
