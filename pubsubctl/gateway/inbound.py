"""A request as it came over HTTP, as the request of a job."""

from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit

from flask import Request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from pubsubctl.content import InMemory, Stream
from pubsubctl.errors import InvalidRequest, RequestTooLarge
from pubsubctl.exchange import Header
from pubsubctl.gateway import hops, prefer
from pubsubctl.gateway.guard import OWN_FIELD, bearer, same

_IN_MEMORY = 64 << 10
_RAW = ("REQUEST_URI", "RAW_URI")  # waitress, Werkzeug and uWSGI; Gunicorn
_UNRESERVED = "/:@!$&'()*+,;=~-._"
# For the gateway itself, or for the connection to it.
_NOT_FOR_THE_APP = frozenset({"expect", "prefer", "proxy-authorization", OWN_FIELD})


def target(environ: dict[str, Any]) -> str:
    """The path and query as they were sent, percent-encoded as they were, and with where the gateway is mounted."""
    raw = next((environ[name] for name in _RAW if environ.get(name)), None)
    if raw is None:
        path = quote(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), _UNRESERVED, encoding="latin-1")
        query = environ.get("QUERY_STRING", "")
        raw = f"{path or '/'}?{query}" if query else path or "/"
    if not raw.startswith("/"):  # the absolute form, as proxies send it
        parts = urlsplit(raw)
        raw = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return str(raw)


def path(target: str, root: str) -> str:
    """The path of a target as the application sees it, decoded, below where the gateway is mounted."""
    return unquote(target.partition("?")[0], errors="replace").removeprefix(root)


def headers(request: Request, preferences: prefer.Preferences, *, token: str | None) -> list[Header]:
    """The header fields that the application is to see.

    Args:
        request: what came.
        preferences: of those, what is no concern of a gateway is passed on.
        token: the gateway's own, which is nobody else's business.
    """
    came = list(request.headers.items())
    not_for_the_app = _NOT_FOR_THE_APP | hops.named(came)
    found = [
        (name, value)
        for name, value in came
        if name.lower() not in not_for_the_app and not (name.lower() == "authorization" and _is_own(value, token))
    ]
    return [*found, ("prefer", preferences.others)] if preferences.others else found


def body(request: Request, most: int) -> InMemory | Stream | None:
    """The body, of which no more than a little is in memory; None where there is none.

    Raises:
        RequestTooLarge: it has more than ``most`` bytes; reading it raises this, too, where nobody has said how many.
    """
    stream = _Bounded(get_input_stream(request.environ), most)
    if (request.content_length or 0) > most:
        raise stream.too_large
    head = b""
    while len(head) < _IN_MEMORY:  # a server may well give less than it was asked for
        piece = stream.read(_IN_MEMORY - len(head))
        if not piece:
            return InMemory(head) if head else None
        head += piece
    return Stream("the body", stream, head)  # type: ignore[arg-type]


class _Bounded:
    """A body of which no more is read than it may have."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = most
        self.too_large = RequestTooLarge(f"the request's body is larger than {most} bytes; send less")

    def read(self, size: int) -> bytes:
        try:
            piece = self._stream.read(size)
        except HTTPException as error:
            raise InvalidRequest(f"the request's body has not come as a whole: {error.description}") from error
        self._left -= len(piece)
        if self._left < 0:
            raise self.too_large
        return piece


def _is_own(value: str, token: str | None) -> bool:
    shown = bearer(value)
    return token is not None and shown is not None and same(shown, token)
