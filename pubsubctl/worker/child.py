"""The process that runs the application: ``python -m pubsubctl.worker.child APP --fd N --tickets-fd N --parent PID``.

It talks to its parent over one socket, in frames:

======================  ==========================================================================
from the parent         ``job`` (ticket, id, attempt, method, path, headers; the body is the frame's, unless it
                        is kept apart: payload),
                        ``forget`` (tickets): the parent has taken these back, see ``tickets``
from the child          ``ready`` | ``unloadable`` (error), once
                        ``began`` (ticket), ``progress`` (ticket, fraction, note),
                        ``done`` (ticket, status, phrase, headers, seconds; the body is the frame's, unless it
                        is kept apart: payload), ``too-large`` (ticket, seconds), ``unkept`` (ticket, error,
                        damaged, ran, seconds): a body that is kept apart could not be had, or not be kept;
                        each may say that the job of another ticket begins now (next)
======================  ==========================================================================

``ready``, ``began`` and the ends also say how many bytes were ``printed`` so far, if any; the ends
the attempt's ``log``, if it has one, and how much memory is ``resident``, if that is more than asked for.

An application may put others in the place of Python's threads and locks (as ``gevent.monkey`` does), which take turns
with it: who waited for those here would wait for ever. So what is needed of them was taken before it is loaded.

What the application prints goes to the parent by a pipe, as standard output and error; with ``--marks`` each piece of
it says whose it is. When the pipe of tickets is closed the child ends as a Python process does; when the socket is, it
ends at once.

Nothing of gRPC, SQLAlchemy or Rich is imported here: what a child has loaded is the application's.
"""

import argparse
import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import threading
from _thread import start_new_thread
from time import sleep

from pubsubctl.errors import ApplicationError
from pubsubctl.worker import application
from pubsubctl.worker.apart import PAYLOADS, Apart
from pubsubctl.worker.capture import Capture
from pubsubctl.worker.channel import Channel, leave, out_of_the_way
from pubsubctl.worker.frames import pack
from pubsubctl.worker.runner import Runner
from pubsubctl.worker.slots import Slots

_TICK_S = 0.2
_PR_SET_PDEATHSIG = 1


def _listen(channel: Channel, slots: Slots) -> None:
    """Take what the parent sends until it closes the socket, and end the process then."""
    try:
        while frames := channel.receive():
            for frame in frames:
                if frame.kind == "forget":
                    slots.forget(frame.header["tickets"])
                else:
                    slots.put(frame)
    except OSError as error:
        leave(error)
    os._exit(0)  # whatever still runs has nobody left to answer to


def _die_with(parent: int) -> None:
    """Make sure that this process does not outlive its parent: by the kernel where it can, by looking elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _work(slots: Slots, name: str) -> None:
    with contextlib.suppress(Exception):  # whatever the application has made of threads, a slot must not be lost
        threading.current_thread().name = name  # as its logs show it
    slots.work()


def _let_go(channel: Channel, tickets_fd: int, capture: Capture) -> None:
    capture.fork()
    channel.close()
    os.close(tickets_fd)


def _keep_watch(runner: Runner, parent: int) -> None:
    """Let out what was held back, and end with the parent, while the main thread is in the application."""
    while True:
        sleep(_TICK_S)
        try:
            runner.flush()
        except OSError as error:
            leave(error)
        if os.getppid() != parent:
            os._exit(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("app")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--tickets-fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-memory", type=int, default=0)
    parser.add_argument("--marks", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Load the application, say so, run jobs until the parent wants no more."""
    options = _options()
    apart = Apart(os.environ.pop(PAYLOADS, None))
    _die_with(options.parent)
    channel = Channel(options.fd)
    tickets_fd = out_of_the_way(options.tickets_fd)
    # What the application forks is not us: it must neither hold the socket open nor read our tickets.
    capture = Capture(alone=options.threads == 1, marks=options.marks)
    os.register_at_fork(after_in_child=lambda: _let_go(channel, tickets_fd, capture))
    capture.install()
    faulthandler.enable(2)  # what kills the process at once leaves at least a traceback
    try:
        app = application.load(options.app)
    except ApplicationError as error:
        channel.send(pack({"kind": "unloadable", "error": str(error)}))
        raise SystemExit(1) from None
    runner = Runner(app, channel, capture, threads=options.threads, apart=apart, max_memory=options.max_memory)
    slots = Slots(runner, channel, capture, tickets_fd)
    start_new_thread(_keep_watch, (runner, options.parent))
    channel.send(runner.ready())
    start_new_thread(_listen, (channel, slots))
    for number in range(1, options.threads):
        start_new_thread(_work, (slots, f"slot-{number}"))
    slots.work()  # in the main thread, where an application may expect to be


if __name__ == "__main__":
    main()
