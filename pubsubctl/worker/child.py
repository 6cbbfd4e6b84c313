"""The process that runs the application: ``python -m pubsubctl.worker.child APP --fd N --tickets-fd N --parent PID``.

It talks to its parent over one socket, in frames:

======================  ==========================================================================
from the parent         ``job`` (ticket, id, attempt, method, path, headers; the body is the frame's),
                        ``forget`` (tickets): the parent has taken these back, see ``tickets``
from the child          ``ready`` | ``unloadable`` (error), once
                        ``began`` (ticket), ``progress`` (ticket, fraction, note),
                        ``done`` (ticket, status, phrase, headers, seconds; the body is the frame's),
                        ``too-large`` (ticket)
======================  ==========================================================================

Nothing of gRPC, SQLAlchemy or Rich is imported here: what a child has loaded is the application's.
"""

import argparse
import ctypes
import io
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Request
from pubsubctl.wire import MAX_MESSAGE_BYTES
from pubsubctl.worker import application, tickets, wsgi
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

    def close(self) -> None:
        """Let go of the socket, without a word to the parent."""
        self._socket.close()

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
        ticket = header["ticket"]
        request = Request(header["method"], header["path"], tuple(map(tuple, header["headers"])), frame.body)
        reporter = Reporter(lambda fraction, note: self._channel.send(_progress(ticket, fraction, note)))
        self._reporters.add(reporter)
        began = time.perf_counter()
        try:
            with reporting_to(reporter):
                return self._answer(request, header, began)
        finally:
            reporter.close()  # a thread that the application left behind may report on
            self._reporters.discard(reporter)

    def flush_progress(self) -> None:
        """Send the progress that was held back."""
        for reporter in tuple(self._reporters):
            reporter.flush()

    def _answer(self, request: Request, header: dict[str, Any], began: float) -> bytes:
        environ = wsgi.environ_for(request, job_id=header["id"], attempt=header["attempt"], threads=self._threads)
        try:
            response = wsgi.run(self._app, environ, max_bytes=MAX_MESSAGE_BYTES)
        except wsgi.ResponseTooLargeError:
            return pack({"kind": "too-large", "ticket": header["ticket"]})
        return pack(
            {
                "kind": "done",
                "ticket": header["ticket"],
                "status": response.status,
                "phrase": response.phrase,
                "headers": response.headers,
                "seconds": time.perf_counter() - began,
            },
            response.body,
        )


class Slots:
    """The threads that run jobs, and the jobs that have arrived for them."""

    def __init__(self, runner: Runner, channel: Channel, tickets_fd: int) -> None:
        self._runner = runner
        self._channel = channel
        self._tickets_fd = tickets_fd
        self._arrived: dict[int, Frame] = {}
        self._arrival = threading.Condition()

    def put(self, frame: Frame) -> None:
        """A job has arrived; it begins when a thread has read its ticket."""
        with self._arrival:
            self._arrived[frame.header["ticket"]] = frame
            self._arrival.notify_all()

    def forget(self, numbers: list[int]) -> None:
        """The parent has taken these tickets back: their jobs will never begin here."""
        with self._arrival:
            for number in numbers:
                self._arrived.pop(number, None)

    def work(self) -> None:
        """Run jobs one after another in this thread, until the parent goes, and the process with it."""
        try:
            self._run_jobs()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            os._exit(0)  # there is nobody to tell

    def _run_jobs(self) -> None:
        ended = b""
        while True:
            number = tickets.take(self._tickets_fd)
            if number is None:
                if ended:
                    self._channel.send(ended)
                number, ended = tickets.wait(self._tickets_fd), b""
            frame = self._frame(number)
            # The end of one job and the beginning of the next are one write.
            self._channel.send(ended + _began(frame))
            ended = self._runner.run(frame)

    def _frame(self, number: int) -> Frame:
        with self._arrival:
            self._arrival.wait_for(lambda: number in self._arrived)
            return self._arrived.pop(number)


def _listen(channel: Channel, slots: Slots) -> None:
    """Take what the parent sends until it closes the socket, and end the process then."""
    try:
        while frames := channel.receive():
            for frame in frames:
                if frame.kind == "forget":
                    slots.forget(frame.header["tickets"])
                else:
                    slots.put(frame)
    finally:
        os._exit(0)  # whatever still runs has nobody left to answer to


def _began(frame: Frame) -> bytes:
    """The frame that says that a job begins now, so that only it is blamed if the process dies."""
    return pack({"kind": "began", "ticket": frame.header["ticket"]})


def _progress(ticket: int, fraction: float | None, note: str | None) -> bytes:
    return pack({"kind": "progress", "ticket": ticket, "fraction": fraction, "note": note})


def _die_with(parent: int) -> None:
    """Make sure that this process does not outlive its parent: by the kernel where it can, by looking elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _let_go(channel: Channel, tickets_fd: int) -> None:
    channel.close()
    os.close(tickets_fd)


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
    parser.add_argument("--tickets-fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    _die_with(options.parent)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what an application prints is seen at once, as on a terminal
    channel = Channel(options.fd)
    os.set_inheritable(options.tickets_fd, False)
    # What the application forks is not us: it must neither hold the socket open nor read our tickets.
    os.register_at_fork(after_in_child=lambda: _let_go(channel, options.tickets_fd))
    try:
        app = application.load(options.app)
    except ApplicationError as error:
        channel.send(pack({"kind": "unloadable", "error": str(error)}))
        raise SystemExit(1) from None
    runner = Runner(app, channel, options.threads)
    slots = Slots(runner, channel, options.tickets_fd)
    threading.Thread(target=_keep_watch, args=(runner, options.parent), name="watch", daemon=True).start()
    channel.send(pack({"kind": "ready"}))
    threading.Thread(target=_listen, args=(channel, slots), name="listen", daemon=True).start()
    for number in range(1, options.threads):
        threading.Thread(target=slots.work, name=f"slot-{number}", daemon=True).start()
    slots.work()  # in the main thread, where an application may expect to be


if __name__ == "__main__":
    main()
