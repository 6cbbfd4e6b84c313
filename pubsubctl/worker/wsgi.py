"""A request run by a WSGI application (PEP 3333), its response collected: see ``collected``."""

import contextlib
import io
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO
from urllib.parse import unquote_to_bytes

from pubsubctl.exchange import Header, Request, Response
from pubsubctl.worker.application import WSGIApplication
from pubsubctl.worker.collected import Collected

if TYPE_CHECKING:
    from pubsubctl.worker.apart import Later

_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
_PORT = "80"

# What a status and a header field may be (RFC 9112 sections 4 and 5): no line breaks, and Latin-1 (PEP 3333).
_STATUS = re.compile(r"[1-9][0-9]{2}( [\t\x20-\x7e\x80-\xff]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# Keys that CGI keeps for itself: a field "content_type" must not pass for the Content-Type.
_RESERVED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


def environ_for(
    request: Request, *, job_id: str, attempt: int, threads: int = 1, content: BinaryIO | None = None
) -> dict[str, Any]:
    """The WSGI environ of a request: what a server would make of it, and which job it is.

    Args:
        request: it.
        job_id: which job it is, and ``attempt`` which of its attempts.
        attempt: see there.
        threads: how many jobs run in this process at once.
        content: the body, where it is kept apart.
    """
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
        "wsgi.input": io.BytesIO(request.body) if content is None else content,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": threads > 1,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "pubsubctl.job_id": job_id,
        "pubsubctl.attempt": attempt,
    }
    if request.size or request.method in _WITH_CONTENT:
        environ["CONTENT_LENGTH"] = str(request.size)
    _add_headers(environ, request.headers)
    return environ


def run(
    application: WSGIApplication, environ: dict[str, Any], *, max_bytes: int, later: "Later | None" = None
) -> Response:
    """Run one request to its end.

    An application that raises instead of answering has answered 500, as under any server; its traceback goes to
    ``wsgi.errors``. So does that of a ``close()`` that fails, which comes too late to change the answer.

    Args:
        application: it.
        environ: see ``environ_for``.
        max_bytes: the most that a body may have in memory.
        later: where a body goes that is large, if it can.

    Raises:
        ResponseTooLargeError: the body has more than may be kept.
        PayloadsUnreachable: it is large, and cannot be put where it should go.
    """
    errors = environ["wsgi.errors"]  # the application may do as it likes with its environ
    answer = _Answer(Collected(max_bytes, later))
    response = _server_error()
    try:
        response = _collect(application, environ, answer, errors)
    except BaseException:  # noqa: BLE001 - SystemExit and its like end the request, never the process that runs others
        answer.body.discard()
        if answer.body.fault is None:
            _tell(errors)
    if answer.body.fault is not None:  # even if the application has caught what write() raised
        raise answer.body.fault
    return response


@dataclass
class _Answer:
    """What start_response and write() were given so far."""

    body: Collected
    status: str | None = None
    headers: list[Header] = field(default_factory=list)

    def start_response(self, status: str, headers: list[Header], exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info:
            try:
                if self.body.size:  # the client of a server would have seen some of it already
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
            self.body.add(part)

    def response(self) -> Response:
        if self.status is None:
            raise AssertionError("the application never called start_response")
        if not _STATUS.fullmatch(self.status):
            raise ValueError(f"the status {self.status!r} is not one; it looks like '200 OK'")
        for name, value in self.headers:
            if not _NAME.fullmatch(name) or not _LINE.fullmatch(value):
                raise ValueError(f"the response header {name!r}: {value!r} cannot be sent")
        code, _, phrase = self.status.partition(" ")
        headers = tuple((name, value) for name, value in self.headers)
        body, payload = self.body.finish()
        return Response(int(code), headers, body, phrase, payload)


def _collect(application: WSGIApplication, environ: dict[str, Any], answer: _Answer, errors: TextIO) -> Response:
    parts: Iterable[bytes] = application(environ, answer.start_response)
    try:
        for part in parts:
            answer.write(part)
        return answer.response()
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
