"""The process that runs the application: ``python -m pubsubctl.worker.child APP --fd N --parent PID``.

It talks to its parent over one socket, in frames:

======================  ==========================================================================
from the parent         ``job`` (id, attempt, method, path, headers; the body is the frame's)
from the child          ``ready`` | ``unloadable`` (error), once
                        ``began`` (id, attempt), ``progress`` (id, attempt, fraction, note),
                        ``done`` (id, attempt, status, phrase, headers; the body is the frame's),
                        ``too-large`` (id, attempt)
======================  ==========================================================================

Nothing of gRPC, SQLAlchemy or Rich is imported here: what a child has loaded is the application's.
"""

import argparse
import collections
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import time
from typing import Any

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Request
from pubsubctl.wire import MAX_MESSAGE_BYTES
from pubsubctl.worker import application, wsgi
from pubsubctl.worker.frames import Frame, Unpacker, pack
from pubsubctl.worker.progress import Reporter, reporting_to

_CHUNK = 1 << 18
_TICK_S = 0.2
_PR_SET_PDEATHSIG = 1


class Channel:
    """The child's end of the socket."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)
        self._unpacker = Unpacker()
        self._lock = threading.Lock()

    def receive(self) -> list[Frame]:
        """Wait for frames; an empty list says that the parent has gone."""
        while data := self._socket.recv(_CHUNK):
            if frames := list(self._unpacker.feed(data)):
                return frames
        return []

    def send(self, data: bytes) -> None:
        """Send whole frames, from any thread."""
        with self._lock:
            self._socket.sendall(data)


class Runner:
    """Runs jobs and says how they end."""

    def __init__(self, app: application.WSGIApplication, channel: Channel, threads: int) -> None:
        self._app = app
        self._channel = channel
        self._threads = threads
        self._reporters: set[Reporter] = set()

    def run(self, frame: Frame) -> bytes:
        """Run one job to its end; returns the frame that says how it ended."""
        header = frame.header
        which = {"id": header["id"], "attempt": header["attempt"]}
        request = Request(header["method"], header["path"], tuple(map(tuple, header["headers"])), frame.body)
        reporter = Reporter(lambda fraction, note: self._channel.send(_progress(which, fraction, note)))
        self._reporters.add(reporter)
        began = time.perf_counter()
        try:
            with reporting_to(reporter):
                return self._answer(request, which, began)
        finally:
            self._reporters.discard(reporter)

    def flush_progress(self) -> None:
        """Send the progress that was held back."""
        for reporter in tuple(self._reporters):
            reporter.flush()

    def _answer(self, request: Request, which: dict[str, Any], began: float) -> bytes:
        environ = wsgi.environ_for(request, job_id=which["id"], attempt=which["attempt"], threads=self._threads)
        try:
            response = wsgi.run(self._app, environ, max_bytes=MAX_MESSAGE_BYTES)
        except wsgi.ResponseTooLargeError:
            return pack({"kind": "too-large", **which})
        return pack(
            {
                "kind": "done",
                **which,
                "status": response.status,
                "phrase": response.phrase,
                "headers": response.headers,
                "seconds": time.perf_counter() - began,
            },
            response.body,
        )


def began(frame: Frame) -> bytes:
    """The frame that says that a job begins now, so that only it is blamed if the process dies."""
    return pack({"kind": "began", "id": frame.header["id"], "attempt": frame.header["attempt"]})


def serve_alone(runner: Runner, channel: Channel) -> None:
    """Run jobs one after another in this, the main, thread until the parent goes."""
    waiting: collections.deque[Frame] = collections.deque()
    ended = b""
    while True:
        if not waiting:
            if ended:
                channel.send(ended)
                ended = b""
            waiting.extend(channel.receive())
            if not waiting:
                return
        frame = waiting.popleft()
        channel.send(ended + began(frame))
        ended = runner.run(frame)


def serve_threads(runner: Runner, channel: Channel, threads: int) -> None:
    """Run jobs in several threads until the parent goes."""
    waiting: queue.SimpleQueue[Frame] = queue.SimpleQueue()

    def work() -> None:
        while True:
            frame = waiting.get()
            channel.send(began(frame))
            channel.send(runner.run(frame))

    for number in range(threads):
        threading.Thread(target=work, name=f"job-{number}", daemon=True).start()
    while frames := channel.receive():
        for frame in frames:
            waiting.put(frame)


def _progress(which: dict[str, Any], fraction: float | None, note: str | None) -> bytes:
    return pack({"kind": "progress", **which, "fraction": fraction, "note": note})


def _die_with(parent: int) -> None:
    """Make sure that this process does not outlive its parent: by the kernel where it can, by looking elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _keep_watch(runner: Runner, parent: int) -> None:
    """Flush progress, and end with the parent, while the main thread is in the application."""
    while True:
        time.sleep(_TICK_S)
        try:
            runner.flush_progress()
        except OSError:
            os._exit(0)
        if os.getppid() != parent:
            os._exit(0)


def main() -> None:
    """Load the application, say so, run jobs until the parent closes the socket."""
    parser = argparse.ArgumentParser()
    parser.add_argument("app")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    _die_with(options.parent)
    channel = Channel(options.fd)
    try:
        app = application.load(options.app)
    except ApplicationError as error:
        channel.send(pack({"kind": "unloadable", "error": str(error)}))
        raise SystemExit(1) from None
    runner = Runner(app, channel, options.threads)
    threading.Thread(target=_keep_watch, args=(runner, options.parent), name="watch", daemon=True).start()
    channel.send(pack({"kind": "ready", "pid": os.getpid()}))
    try:
        if options.threads == 1:
            serve_alone(runner, channel)
        else:
            serve_threads(runner, channel, options.threads)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the parent has gone; there is nobody to tell
    # Threads that the application left behind must not keep the process.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
