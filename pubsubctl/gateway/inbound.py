"""A request as it came over HTTP, as the request of a job."""

from typing import Any
from urllib.parse import quote, urlsplit

from flask import Request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from pubsubctl.content import InMemory, Stream
from pubsubctl.errors import InvalidRequest, RequestTooLarge
from pubsubctl.exchange import Header
from pubsubctl.gateway import prefer
from pubsubctl.gateway.guard import OWN_FIELD, bearer, same

_IN_MEMORY = 64 << 10
_RAW = ("REQUEST_URI", "RAW_URI")  # waitress, Werkzeug and uWSGI; Gunicorn
_UNRESERVED = "/:@!$&'()*+,;=~-._"
# For the gateway itself, or for the connection to it.
_NOT_FOR_THE_APP = frozenset({"expect", "prefer", "proxy-authorization", OWN_FIELD})


def target(environ: dict[str, Any]) -> str:
    """The path and query as they were sent, percent-encoded as they were, below where the gateway is mounted."""
    raw = next((environ[name] for name in _RAW if environ.get(name)), None)
    if raw is None:
        path = quote(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), _UNRESERVED, encoding="latin-1")
        query = environ.get("QUERY_STRING", "")
        raw = f"{path or '/'}?{query}" if query else path or "/"
    if not raw.startswith("/"):  # the absolute form, as proxies send it
        parts = urlsplit(raw)
        raw = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return str(raw)


def headers(request: Request, preferences: prefer.Preferences, *, token: str | None) -> list[Header]:
    """The header fields that the application is to see.

    Args:
        request: what came.
        preferences: of those, what is no concern of a gateway is passed on.
        token: the gateway's own, which is nobody else's business.
    """
    of_the_connection = {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
    found = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in _NOT_FOR_THE_APP | of_the_connection
        and not (name.lower() == "authorization" and _is_own(value, token))
    ]
    return [*found, ("prefer", preferences.others)] if preferences.others else found


def body(request: Request, most: int) -> InMemory | Stream | None:
    """The body, of which no more than a little is in memory; None where there is none.

    Raises:
        RequestEntityTooLarge: it has more than ``most`` bytes.
    """
    stream = get_input_stream(request.environ, max_content_length=most)
    head = b""
    while len(head) < _IN_MEMORY:  # a server may well give less than it was asked for
        piece = stream.read(_IN_MEMORY - len(head))
        if not piece:
            return InMemory(head) if head else None
        head += piece
    return Stream("the body", _Body(stream, most), head)  # type: ignore[arg-type]


class _Body:
    """The rest of a body, whose faults are ours to tell: by now Flask has no part in it."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream = stream
        self._most = most

    def read(self, size: int) -> Any:
        try:
            return self._stream.read(size)
        except RequestEntityTooLarge as error:
            raise RequestTooLarge(f"the request's body is larger than {self._most} bytes") from error
        except HTTPException as error:
            raise InvalidRequest(f"the request's body has not come as a whole: {error.description}") from error


def _is_own(value: str, token: str | None) -> bool:
    shown = bearer(value)
    return token is not None and shown is not None and same(shown, token)
