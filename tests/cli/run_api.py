"""Cloud Run's API as far as ``gcloud run worker-pools`` needs it: only what is sent is there.

It is spoken to as a proxy, since gcloud puts the region before the host's name.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "http://run.invalid/"
READY = {"type": "Ready", "status": "True"}


class RunApi:
    """What was asked.

    Attributes:
        port: where it listens on loopback.
        made: the resources that were posted, with the URL each went to.
    """

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if api.made and "/workerpools/" in self.path:
                    self.answer(200, api.made[-1][1] | {"status": {"observedGeneration": 1, "conditions": [READY]}})
                else:
                    self.answer(404, {"error": {"code": 404, "message": "not there", "status": "NOT_FOUND"}})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if not self.path.partition("?")[0].endswith("/workerpools"):
                    self.answer(404, {"error": {"code": 404, "message": "not there", "status": "NOT_FOUND"}})
                    return
                resource = json.loads(body)
                resource["metadata"]["generation"] = 1
                api.made.append((self.path, resource))
                self.answer(200, resource)

            def answer(self, status: int, content: Any) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    @property
    def environment(self) -> dict[str, str]:
        """For gcloud, so that it asks here and nowhere else."""
        return {
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": HOST for name in ("RUN", "SECRETMANAGER", "IAM")},
            "CLOUDSDK_PROXY_TYPE": "http",
            "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
            "CLOUDSDK_PROXY_PORT": str(self.port),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        }


@contextmanager
def run_api() -> Iterator[RunApi]:
    """It runs."""
    api = RunApi()
    thread = threading.Thread(target=api.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield api
    finally:
        api.server.shutdown()
        thread.join()
        api.server.server_close()
