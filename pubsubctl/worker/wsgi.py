"""A request run by a WSGI application (PEP 3333), its response collected whole."""

import contextlib
import io
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TextIO
from urllib.parse import unquote_to_bytes

from pubsubctl.exchange import Header, Request, Response
from pubsubctl.worker.application import WSGIApplication

_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
_PORT = "80"

# What a status and a header field may be (RFC 9112 sections 4 and 5): no line breaks, and Latin-1 (PEP 3333).
_STATUS = re.compile(r"[1-9][0-9]{2}( [\t\x20-\x7e\x80-\xff]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# Keys that CGI keeps for itself: a field "content_type" must not pass for the Content-Type.
_RESERVED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


class ResponseTooLargeError(Exception):
    """The application answered with more than may be kept."""


def environ_for(request: Request, *, job_id: str, attempt: int, threads: int = 1) -> dict[str, Any]:
    """The WSGI environ of a request: what a server would make of it, and which job it is."""
    path, _, query = request.path.partition("?")
    host = request.header("host") or "localhost"
    name, port = _split_host(host)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": _native(query),
        "REQUEST_URI": _native(request.path),
        "RAW_URI": _native(request.path),
        "SERVER_NAME": name or "localhost",
        "SERVER_PORT": port or _PORT,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": host,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": threads > 1,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "pubsubctl.job_id": job_id,
        "pubsubctl.attempt": attempt,
    }
    if request.body or request.method in _WITH_CONTENT:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    _add_headers(environ, request.headers)
    return environ


def run(application: WSGIApplication, environ: dict[str, Any], *, max_bytes: int) -> Response:
    """Run one request to its end.

    An application that raises instead of answering has answered 500, as under any server; its traceback goes to
    ``wsgi.errors``. So does that of a ``close()`` that fails, which comes too late to change the answer.

    Raises:
        ResponseTooLargeError: the body has more than ``max_bytes``.
    """
    errors = environ["wsgi.errors"]  # the application may do as it likes with its environ
    collected = _Collected(max_bytes)
    response = _server_error()
    try:
        response = _collect(application, environ, collected, errors)
    except BaseException:  # noqa: BLE001 - SystemExit and its like end the request, never the process that runs others
        if not collected.too_large:
            _tell(errors)
    if collected.too_large:  # even if the application has caught what write() raised
        raise ResponseTooLargeError
    return response


@dataclass
class _Collected:
    """What start_response and write() were given so far."""

    max_bytes: int
    status: str | None = None
    headers: list[Header] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def too_large(self) -> bool:
        return self.size > self.max_bytes

    def start_response(self, status: str, headers: list[Header], exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info:
            try:
                if self.parts:  # the client of a server would have seen some of it already
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # the traceback holds this frame
        elif self.status is not None:
            raise AssertionError("start_response was called a second time without exc_info")
        self.status, self.headers = status, list(headers)
        return self.write

    def write(self, part: bytes) -> None:
        if self.status is None:
            raise AssertionError("a body before start_response")
        if not isinstance(part, bytes):
            raise TypeError(f"a body is made of bytes, not of {type(part).__name__}")
        if part:
            self.size += len(part)
            if self.too_large:
                self.parts.clear()
                raise ResponseTooLargeError
            self.parts.append(part)

    def response(self) -> Response:
        if self.status is None:
            raise AssertionError("the application never called start_response")
        if not _STATUS.fullmatch(self.status):
            raise ValueError(f"the status {self.status!r} is not one; it looks like '200 OK'")
        for name, value in self.headers:
            if not _NAME.fullmatch(name) or not _LINE.fullmatch(value):
                raise ValueError(f"the response header {name!r}: {value!r} cannot be sent")
        code, _, phrase = self.status.partition(" ")
        return Response(int(code), tuple((name, value) for name, value in self.headers), b"".join(self.parts), phrase)


def _collect(application: WSGIApplication, environ: dict[str, Any], collected: _Collected, errors: TextIO) -> Response:
    parts: Iterable[bytes] = application(environ, collected.start_response)
    try:
        for part in parts:
            collected.write(part)
        return collected.response()
    finally:
        _close(parts, errors)


def _close(parts: Iterable[bytes], errors: TextIO) -> None:
    try:
        if (close := getattr(parts, "close", None)) is not None:
            close()
    except BaseException:  # noqa: BLE001 - as in run
        _tell(errors)


def _tell(errors: TextIO) -> None:
    """Print the traceback of what is being handled, unless the application has closed even the place for that."""
    with contextlib.suppress(Exception):
        traceback.print_exc(file=errors)


def _server_error() -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), status.phrase.encode(), status.phrase)


def _add_headers(environ: dict[str, Any], headers: tuple[Header, ...]) -> None:
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key in _RESERVED and "_" in name:
            continue
        if key != "CONTENT_TYPE":
            key = "HTTP_" + key
        # x-a and x_a are one key here; a server combines them as it does repeated fields.
        environ[key] = f"{environ[key]}, {value}" if key in environ and key != "HTTP_HOST" else value


def _native(text: str) -> str:
    """A string as PEP 3333 wants it: the bytes of its UTF-8, each as one Latin-1 character."""
    return text.encode().decode("latin-1")


def _split_host(host: str) -> tuple[str, str]:
    if host.endswith("]") or ":" not in host:
        return host, ""
    name, _, port = host.rpartition(":")
    return name, port
