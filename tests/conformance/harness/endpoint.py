"""A push endpoint: an HTTP server that answers as told and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.waiting import PATIENCE_S, eventually


@dataclass(frozen=True)
class Pushed:
    """One request, with the names of its headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Endpoint:
    """Listens from the start until ``close``.

    ``status`` is asked for each request's answer, with the number of requests before it.
    """

    def __init__(self, status: Callable[[int], int]) -> None:
        self.requests: list[Pushed] = []
        self._status = status
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/push"

    def wait_for(self, count: int, *, within_s: float = PATIENCE_S) -> list[Pushed]:
        """All requests, once there are that many, or the time is over."""
        eventually(lambda: len(self.requests) >= count, within_s=within_s)
        return list(self.requests)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, pushed: Pushed) -> int:
        """Remember a request; its status."""
        with self._lock:
            self.requests.append(pushed)
            return self._status(len(self.requests) - 1)


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            status = endpoint.answer(Pushed(self.path, headers, body, time.monotonic()))
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as the base class names it)
            """Say nothing."""

    return Handler
