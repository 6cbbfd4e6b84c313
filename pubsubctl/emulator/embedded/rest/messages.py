"""An HTTP request and its response, as the API sees them."""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from pubsubctl.emulator.embedded.errorinfo import details
from pubsubctl.emulator.embedded.status import Refusal

# google.rpc.Code says which HTTP status goes with each code.
STATUS = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}

# A request that was meant for a proxy names the whole URL (RFC 9112 3.2.2).
_ORIGIN = re.compile(r"^https?://[^/?]*", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """``target`` as on the request line; header names in lower case; the body as it was before any coding of it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """Still percent-encoded."""
        return _ORIGIN.sub("", self.target).partition("?")[0] or "/"

    @property
    def may_wait(self) -> bool:
        """Whether the answer may be for a message that is yet to come."""
        return self.path.endswith(":pull")

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The parameters in their order."""
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)


@dataclass(frozen=True)
class Response:
    """What is sent back, without the fields that every response has."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


def refused(refusal: Refusal) -> Response:
    """The response to what was refused."""
    code = refusal.code.name
    return failed(STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR), code, refusal.text, details(refusal))


def failed(status: int, code: str, text: str, more: list[dict[str, Any]] | None = None) -> Response:
    """An error in the form that all Google APIs give it (google.aip.dev/193).

    Args:
        status: of HTTP.
        code: the name of the google.rpc.Code.
        text: what is wrong.
        more: the ``details``, where there are any.
    """
    error = {"code": int(status), "message": text, "status": code, **({"details": more} if more else {})}
    return Response(status, json_bytes({"error": error}, pretty=True))


def json_bytes(content: Any, *, pretty: bool) -> bytes:
    """``content`` as a JSON text that ends with its line."""
    if pretty:
        return f"{json.dumps(content, indent=2)}\n".encode()
    return json.dumps(content, separators=(",", ":")).encode()
