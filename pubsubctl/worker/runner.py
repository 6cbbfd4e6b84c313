"""One job at a time in a child: run by the application, its end packed into a frame."""

import contextlib
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pubsubctl.errors import PayloadDamaged, PubsubctlError
from pubsubctl.exchange import Payload, Request
from pubsubctl.wire import MAX_MESSAGE_BYTES
from pubsubctl.worker import wsgi
from pubsubctl.worker.apart import Apart
from pubsubctl.worker.application import WSGIApplication
from pubsubctl.worker.capture import Capture, Log
from pubsubctl.worker.channel import Channel
from pubsubctl.worker.collected import ResponseTooLargeError
from pubsubctl.worker.frames import Frame, pack
from pubsubctl.worker.progress import Reporter, reporting_to

_STATM = Path("/proc/self/statm")


@dataclass(slots=True)
class Ended:
    """How a job ended, as its frame says it."""

    header: dict[str, Any]
    body: bytes

    def frame(self, following: int | None = None) -> bytes:
        """The frame, which may say as well that the job of another ticket begins now."""
        return pack(self.header if following is None else self.header | {"next": following}, self.body)


class Runner:
    """Runs jobs and says how they end. Any thread may call it.

    Args:
        app: the application.
        channel: where progress goes.
        capture: where what the application prints goes.
        threads: how many jobs may run here at once.
        apart: what keeps large bodies.
        max_memory: bytes of resident memory that are worth a word to the parent, or 0.
    """

    def __init__(
        self,
        app: WSGIApplication,
        channel: Channel,
        capture: Capture,
        *,
        threads: int,
        apart: Apart,
        max_memory: int = 0,
    ) -> None:
        self._app = app
        self._channel = channel
        self._capture = capture
        self._threads = threads
        self._apart = apart
        self._max_memory = max_memory
        self._reporters: set[Reporter] = set()

    def ready(self) -> bytes:
        """The frame that says that the application is loaded."""
        return pack({"kind": "ready", **self._printed()})

    def began(self, frame: Frame) -> bytes:
        """The frame that says that a job begins now, so that only it is blamed if the process dies."""
        return pack({"kind": "began", "ticket": frame.header["ticket"], **self._printed()})

    def run(self, frame: Frame) -> Ended:
        """Run one job to its end."""
        header = frame.header
        ticket = header["ticket"]
        request = _request(frame)
        reporter = Reporter(lambda fraction, note: self._channel.send(_progress(ticket, fraction, note)))
        self._reporters.add(reporter)
        began = time.perf_counter()
        try:
            with self._capture.attempt(header["id"], header["attempt"]) as log, reporting_to(reporter):
                end, body = self._answer(request, header)
        finally:
            reporter.close()  # a thread that the application left behind may report on
            self._reporters.discard(reporter)
        return Ended(end | {"ticket": ticket, "seconds": time.perf_counter() - began} | self._besides(log), body)

    def flush(self) -> None:
        """Send the progress that was held back, and let out what waits for the end of its line."""
        for reporter in tuple(self._reporters):
            reporter.flush()
        self._capture.flush()

    def _answer(self, request: Request, header: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if request.payload is None:
            return self._run(request, header, None)
        try:
            content = self._apart.request(request.payload)
        except PubsubctlError as error:
            return _unkept(error, ran=False)
        try:
            return self._run(request, header, content)
        finally:
            with contextlib.suppress(OSError):  # the application may have closed its descriptor
                content.close()

    def _run(self, request: Request, header: dict[str, Any], content: BinaryIO | None) -> tuple[dict[str, Any], bytes]:
        job_id, attempt = header["id"], header["attempt"]
        environ = wsgi.environ_for(request, job_id=job_id, attempt=attempt, threads=self._threads, content=content)
        environ["wsgi.errors"] = self._capture.stderr  # whatever has become of sys.stderr
        try:
            response = wsgi.run(
                self._app, environ, max_bytes=MAX_MESSAGE_BYTES, later=self._apart.response(job_id, attempt)
            )
        except ResponseTooLargeError as error:
            return {"kind": "too-large", "limit": error.limit, "apart": error.apart}, b""
        except PubsubctlError as error:
            return _unkept(error, ran=True)
        end = {"kind": "done", "status": response.status, "phrase": response.phrase, "headers": response.headers}
        if (payload := response.payload) is not None:
            end["payload"] = [payload.key, payload.size, payload.digest]
        return end, response.body

    def _besides(self, log: Log) -> dict[str, Any]:
        """What there is to say at the end of an attempt besides its answer, which mostly is nothing."""
        said: dict[str, Any] = self._printed()
        if log.tail.total:
            said["log"] = log.tail.text()
        if self._max_memory and (resident := _resident()) > self._max_memory:
            said["resident"] = resident
        return said

    def _printed(self) -> dict[str, int]:
        return {"printed": self._capture.written} if self._capture.written else {}


def _request(frame: Frame) -> Request:
    header = frame.header
    payload = Payload(*header["payload"]) if "payload" in header else None
    return Request(header["method"], header["path"], tuple(map(tuple, header["headers"])), frame.body, payload)


def _unkept(error: PubsubctlError, *, ran: bool) -> tuple[dict[str, Any], bytes]:
    damaged = isinstance(error, PayloadDamaged)
    return {"kind": "unkept", "error": str(error), "damaged": damaged, "ran": ran}, b""


def _progress(ticket: int, fraction: float | None, note: str | None) -> bytes:
    return pack({"kind": "progress", "ticket": ticket, "fraction": fraction, "note": note})


def _resident() -> int:
    """Bytes of memory that this process has in use; where that cannot be told, the most that it has ever had."""
    try:
        return int(_STATM.read_bytes().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
