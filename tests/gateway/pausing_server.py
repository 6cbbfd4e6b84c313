"""Servers that take pauses, and clients that speak to them in bytes."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pubsubctl.gateway.pausing import Pause
from pubsubctl.gateway.server import Server

WAIT_S = 20.0


@contextmanager
def serving(application: Callable[..., Any], **settings: Any) -> Iterator[Server]:
    server = Server(application, "127.0.0.1:0", **settings)
    server.start()
    try:
        yield server
    finally:
        server.close(2.0)


def connected(server: Server) -> socket.socket:
    host, _, port = server.address.rpartition(":")
    client = socket.create_connection((host, int(port)), timeout=WAIT_S)
    client.settimeout(WAIT_S)
    return client


def get(target: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def until(condition: Callable[[], Any], timeout_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        data = client.recv(65_536)
        assert data, f"closed after {seen!r}"
        seen += data
    return seen


def read_all(client: socket.socket) -> bytes:
    seen = b""
    while data := client.recv(65_536):
        seen += data
    return seen


def is_closed(client: socket.socket) -> bool:
    """Whether the server ends the connection, without another byte."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def read_response(client: socket.socket, *, body: bool = True) -> tuple[int, dict[str, str], bytes]:
    """One response with a Content-Length; what comes after it is left in the socket."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, f"closed after {head!r}"
        head += byte
    first, *lines = head.decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    content = b""
    while body and len(content) < int(headers.get("content-length", 0)):
        data = client.recv(int(headers["content-length"]) - len(content))
        assert data
        content += data
    return int(first.split()[1]), headers, content


def problem(client: socket.socket) -> dict[str, Any]:
    status, headers, body = read_response(client)
    assert headers["content-type"] == "application/problem+json"
    assert "server" not in headers
    found: dict[str, Any] = json.loads(body)
    assert found["status"] == status
    return found


class Waiting:
    """An application: ``/wait`` and ``/late`` pause before and after start_response, all else is answered at once.

    ``?pauses=N`` has it pause so often.
    """

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.pauses: list[Pause] = []
        self.threads: set[str] = set()
        self.environs: list[dict[str, Any]] = []
        self.awake = False
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.environs.append(environ)
        assert environ["pubsubctl.pausing"] is True
        path = environ["PATH_INFO"]
        if not path.startswith(("/wait", "/late")):
            start_response("200 OK", [("Content-Length", str(len(path)))])
            return [path.encode()]
        return _Response(self, path, environ["QUERY_STRING"], start_response)

    def pause(self) -> Pause:
        pause = Pause()
        with self._lock:
            self.pauses.append(pause)
            self.threads.add(threading.current_thread().name)
        if self.awake:
            pause.wake()
        return pause

    def wake(self) -> None:
        with self._lock:
            pauses = list(self.pauses)
        for pause in pauses:
            pause.wake()


class _Response:
    def __init__(self, app: Waiting, path: str, query: str, start_response: Callable[..., Any]) -> None:
        self._app, self._path = app, path
        times = int(found[1]) if (found := re.search(r"pauses=(\d+)", query)) else 1
        self._items = self._answer(path, times, start_response)

    def _answer(self, path: str, times: int, start_response: Callable[..., Any]) -> Iterator[Any]:
        headers = [("Content-Length", str(len(path)))]
        if path.startswith("/late"):
            start_response("200 OK", headers)
        for _ in range(times):
            yield self._app.pause()
        if path.endswith("broken"):
            raise LookupError("the application failed")
        if not path.startswith("/late"):
            start_response("200 OK", headers)
        yield path.encode()

    def __iter__(self) -> Iterator[Any]:
        return self._items

    def close(self) -> None:
        self._app.closed.append(self._path)
