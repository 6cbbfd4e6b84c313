"""Plain HTTP requests to the REST API."""

import json
from dataclasses import dataclass
from typing import Any

import urllib3


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, read as JSON; None if it is not."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def outcome(self) -> str:
        """The HTTP status, and that of the error that the body tells (google.rpc.Status in JSON)."""
        body = self.json
        error = body.get("error", {}) if isinstance(body, dict) else {}
        return f"{self.status} {error.get('status', '')}".strip()


class Web:
    """Requests to one address."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}"
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(10))

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Send ``body`` (bytes as they are, all else as JSON) and read the response."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            named = {"Content-Type": "application/json", **named}
        response = self._pool.request(method, self._url + path, body=content, headers=named)
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Response(response.status, lower, response.data.decode())

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()
