"""The metadata server of a machine of Google's, which gives tokens of the machine's own account."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from accounts import Accounts

_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/"


@contextmanager
def metadata_server(accounts: Accounts, email: str) -> Iterator[str]:
    """Its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.endswith("/token"):
                self._answer(json.dumps(accounts.token_of(email)), "application/json")
            elif path.startswith(_ACCOUNT):
                told = {"email": email, "scopes": ["https://www.googleapis.com/auth/cloud-platform"], "aliases": []}
                self._answer(json.dumps(told), "application/json")
            elif path.endswith("/project/project-id"):
                self._answer(accounts.project, "text/plain")
            elif path.endswith("/universe-domain"):
                self._answer("googleapis.com", "text/plain")
            else:
                self._answer("", "text/plain")

        def _answer(self, text: str, kind: str) -> None:
            self.send_response(200)
            for name, value in (("metadata-flavor", "Google"), ("content-type", kind), ("content-length", len(text))):
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)
