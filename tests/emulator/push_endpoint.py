"""An HTTP endpoint that messages are pushed to, in a thread of the test's process."""

import base64
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Posted:
    """One request."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> bytes:
        """What the message carries, in the wrapped form."""
        return base64.b64decode(self.json["message"]["data"])


class PushEndpoint:
    """Answers each request with the status that ``answer`` returns for it, and keeps them all."""

    def __init__(
        self, answer: Callable[[Posted], int] = lambda _: 204, *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.posted: list[Posted] = []
        self.ongoing = self.most_ongoing = 0
        self._answer = answer
        self._counting = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.request_queue_size = 128
        self._server.socket.listen(128)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/push"

    @property
    def data(self) -> list[bytes]:
        """What the messages carried, in the order in which they came."""
        return [one.data for one in self.posted]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, posted: Posted) -> int:
        with self._counting:
            self.posted.append(posted)
            self.ongoing += 1
            self.most_ongoing = max(self.most_ongoing, self.ongoing)
        try:
            return self._answer(posted)
        finally:
            with self._counting:
                self.ongoing -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = endpoint._handle(Posted(time.monotonic(), self.path, headers, body, self.client_address[1]))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", endpoint.url + "/elsewhere")
                if status not in {102, 204}:
                    self.send_header("Content-Length", "2")
                self.end_headers()
                if status not in {102, 204}:
                    self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the other side may break the connection off
                    super().handle()

        return Handler
