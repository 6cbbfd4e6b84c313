"""A CONNECT proxy on loopback that leads Google's names to servers of ours, and nothing anywhere else."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class _Handler(socketserver.StreamRequestHandler):
    server: "_Proxy"

    def handle(self) -> None:
        words = self.rfile.readline(4096).decode("latin-1").split()
        while self.rfile.readline(4096).strip():
            pass
        target = words[1] if len(words) > 1 and words[0] == "CONNECT" else ""
        port = self.server.targets.get(target)
        self.server.asked.append(target)
        if port is None:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        try:
            there = socket.create_connection(("127.0.0.1", port), 10)
        except OSError:
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        there.settimeout(None)
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.server.open.update((self.connection, there))
        back = threading.Thread(target=_pump, args=(there, self.connection), daemon=True)
        back.start()
        _pump(self.connection, there)
        back.join(30)
        self.server.open.difference_update((self.connection, there))
        there.close()


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, targets: Mapping[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.targets = dict(targets)
        self.asked: list[str] = []
        self.open: set[socket.socket] = set()

    def shutdown_request(self, request: Any) -> None:
        with contextlib.suppress(OSError):
            super().shutdown_request(request)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def proxied(targets: Mapping[str, int]) -> Iterator[_Proxy]:
    """Serve it: ``targets`` are ports here by ``host:port`` there."""
    with _Proxy(targets) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            for each in list(proxy.open):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
