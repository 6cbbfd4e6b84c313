"""How one request is answered by a server that takes pauses: Waitress' tasks, which can be left and entered again."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer  # type: ignore[import-untyped]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped]

from pubsubctl.gateway.pausing import PAUSING, Pause
from pubsubctl.listening import WSGI

_ANSWER = "pubsubctl.answer"
_UNUSUAL = ("SERVER_SOFTWARE", "waitress.client_disconnected")

_log = logging.getLogger("waitress")


class Paused(BaseException):
    """Leaves an answer half-way. No error: nothing on its way out may take it for one."""

    def __init__(self, pause: Pause, answer: "Answer") -> None:
        super().__init__()
        self.pause = pause
        self.answer = answer


class Answer(WSGITask):  # type: ignore[misc]
    """Answers a request. Where that raises :class:`Paused`, ``service`` is to be called again after the pause."""

    response_headers: list[tuple[str, str]]
    _chunks: "_Chunks | None" = None

    def get_environment(self) -> dict[str, Any]:
        """The environ, with a way for the application's stand-in to find this answer; see :func:`entered`."""
        environ: dict[str, Any] = super().get_environment()
        for key in _UNUSUAL:
            environ.pop(key, None)
        environ[PAUSING] = True
        environ[_ANSWER] = self
        return environ

    def begin_or_go_on(
        self, application: WSGI, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """What Waitress is to iterate over: all of the response, or what is left of it after a pause."""
        if self._chunks is not None:
            return self._chunks
        response = application(environ, start_response)
        if isinstance(response, ReadOnlyFileBasedBuffer):
            return response  # type: ignore[no-any-return]
        if isinstance(response, list | tuple) and not any(isinstance(item, Pause) for item in response):
            return response  # Waitress can tell its length
        self._chunks = _Chunks(response, self)
        return self._chunks

    def write(self, data: bytes) -> None:
        """Send at once: what an event stream has said may be all that it says for an hour (PEP 3333, "Buffering")."""
        super().write(b"" if self.request.command == "HEAD" else data)
        self.channel.flush()

    def finish(self) -> None:
        """End the response; one to HEAD has no body, hence no last chunk (RFC 9110, section 9.3.2)."""
        if not self.wrote_header:
            self.write(b"")
        if self.request.command == "HEAD":
            self.chunked_response = False
        super().finish()

    def build_response_header(self) -> Any:
        """The response's head, which does not say what serves it."""
        self.response_headers = [header for header in self.response_headers if header[0].lower() != "server"]
        return super().build_response_header()

    def abandon(self) -> None:
        """Close the iterable of an answer that nobody waits for any more, unless it was closed."""
        if self._chunks is None:
            return
        try:
            self._chunks.end()
        except Exception:  # noqa: BLE001 - the application's
            _log.exception("closing the response to %s failed", self.request.path)


class _Chunks(Iterator[bytes]):
    """A response's iterable, which raises the pauses that it yields. It is closed once, at its very end."""

    def __init__(self, response: Iterable[Any], answer: Answer) -> None:
        self._close = getattr(response, "close", None)
        self._items = iter(response)
        self._answer = answer
        self._paused = False

    def __next__(self) -> bytes:
        self._paused = False
        item = next(self._items)
        if isinstance(item, Pause):
            self._paused = True
            raise Paused(item, self._answer)
        return item  # type: ignore[no-any-return]

    def close(self) -> None:
        """As Waitress calls it, at the end and at a pause."""
        if not self._paused:
            self.end()

    def end(self) -> None:
        close, self._close = self._close, None
        if close is not None:
            close()


class Refusal(ErrorTask):  # type: ignore[misc]
    """Answers what the server answers itself as a problem (RFC 9457), and ends the connection."""

    def execute(self) -> None:
        """Write it."""
        error = self.request.error
        body = json.dumps(
            {
                "type": "about:blank",
                "title": error.reason,
                "status": error.code,
                "detail": _detail(error, self.channel.adj),
            }
        ).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/problem+json"))
        self.request.headers.pop("CONNECTION", None)  # whatever the client would like
        self.set_close_on_finish()
        self.content_length = len(body)
        self.channel.lingers = True
        self.write(b"" if getattr(self.request, "command", "") == "HEAD" else body)


def _detail(error: Any, adjustments: Any) -> str:
    match error.code:
        case 413:
            return f"the request's body is larger than {adjustments.max_request_body_size - 1} bytes"
        case 431:
            return f"the request's header fields are larger than {adjustments.max_request_header_size} bytes"
        case 500:
            return "the server failed to answer this request; its log says why"
        case _:
            return str(error.body)


def entered(application: WSGI) -> WSGI:
    """The application as Waitress is to call it: once at the beginning of an answer, and after each pause."""

    def enter(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer: Answer = environ.pop(_ANSWER)
        return answer.begin_or_go_on(application, environ, start_response)

    return enter
