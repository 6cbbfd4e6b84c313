"""One child: its process, the parent's end of its socket, and the tasks that it has."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pubsubctl.worker import tickets
from pubsubctl.worker.frames import Frame, Unpacker, pack
from pubsubctl.worker.outcome import Ending
from pubsubctl.worker.task import Task

_CHUNK = 1 << 18
_EXIT_GRACE_S = 1.0


@dataclass(eq=False)
class Child:
    """A process that runs the application.

    Attributes:
        tasks: what it was given and has not ended, by ticket, in order.
        ready: it has loaded the application.
        tickets: the reading and the writing end of its pipe of tickets.
        done: how many tasks it has ended.
        condemned: the tickets of the tasks that it is killed for, with how their attempts then end (None: unnoticed).
        kill_at: by ``time.monotonic``, when SIGKILL follows the SIGTERM that it was sent.
    """

    process: subprocess.Popen[bytes]
    socket: socket.socket
    tickets: tuple[int, int]
    unpacker: Unpacker = field(default_factory=Unpacker)
    outgoing: bytearray = field(default_factory=bytearray)
    tasks: dict[int, Task] = field(default_factory=dict)
    ready: bool = False
    done: int = 0
    condemned: dict[int, Ending | None] = field(default_factory=dict)
    kill_at: float | None = None
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def start(cls, app: str, *, threads: int) -> "Child":
        """Start one. The calling thread must live as long as the child: the kernel kills it with that thread.

        Raises:
            OSError: no process can be started now.
        """
        ours, theirs = socket.socketpair()
        reading, writing = tickets.open_pipe()
        # -P: nothing in the working directory may stand in for a module of ours; the loader adds it when we have ours.
        command = [sys.executable, "-P", "-m", "pubsubctl.worker.child", app, "--threads", str(threads)]
        command += ["--fd", str(theirs.fileno()), "--tickets-fd", str(reading), "--parent", str(os.getpid())]
        try:
            with theirs:
                process = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno(), reading],
                    stdin=subprocess.DEVNULL,
                    stdout=sys.stderr.fileno(),  # what an application prints is no data of ours
                    start_new_session=True,  # Ctrl-C in a terminal is for the parent alone, which drains
                )
        except OSError:
            ours.close()
            os.close(reading)
            os.close(writing)
            raise
        ours.setblocking(False)
        return cls(process, ours, (reading, writing))

    @property
    def usable(self) -> bool:
        """Whether it can be given more."""
        return self.ready and not self.condemned

    def running(self) -> list[Task]:
        """What it has begun."""
        return [task for task in self.tasks.values() if task.began_at is not None]

    def unbegun(self) -> list[Task]:
        """What it is not known to have begun."""
        return [task for task in self.tasks.values() if task.began_at is None]

    def give(self, given: Iterable[Task]) -> None:
        """Let it run these. They are sent by ``flush``; from now on it may begin them."""
        numbers = []
        for task in given:
            task.ticket = next(self.numbers)
            self.tasks[task.ticket] = task
            self.outgoing += task.frame()
            numbers.append(task.ticket)
        tickets.write(self.tickets[1], numbers)

    def take_back(self) -> list[Task]:
        """Take away what it has not begun, in order; it cannot begin that any more."""
        numbers = []
        while (number := tickets.take(self.tickets[0])) is not None:
            numbers.append(number)
        if numbers:
            self.outgoing += pack({"kind": "forget", "tickets": numbers})
        return [self.tasks.pop(number) for number in numbers]

    def receive(self) -> list[Frame] | None:
        """The next frames that have arrived; none where there are no more now, None once the socket is closed.

        Raises:
            ValueError: what arrived are no frames.
        """
        while True:
            try:
                data = self.socket.recv(_CHUNK)
            except BlockingIOError:
                return []
            except ConnectionError:
                return None
            if not data:
                return None
            if frames := list(self.unpacker.feed(data)):
                return frames

    def flush(self) -> None:
        """Send of ``outgoing`` what can be sent now."""
        try:
            while self.outgoing:
                with memoryview(self.outgoing) as view:
                    sent = self.socket.send(view[:_CHUNK])
                del self.outgoing[:sent]
        except BlockingIOError:
            return
        except OSError:
            self.outgoing.clear()  # it is dying; the end of its socket will be read

    def signal(self, number: signal.Signals) -> None:
        """Signal it and whatever it started, all of its session, unless it was reaped."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.process.returncode is None:
                os.killpg(self.process.pid, number)

    def end(self, *, grace_s: float = _EXIT_GRACE_S) -> str:
        """Make sure that it, and whatever it started, is gone, and reap it; says how it died."""
        self.socket.close()
        for descriptor in self.tickets:
            os.close(descriptor)
        deadline = time.monotonic() + grace_s
        while not self.has_exited() and time.monotonic() < deadline:
            time.sleep(0.001)
        self.signal(signal.SIGKILL)
        return _how_it_died(self.process.wait())

    def has_exited(self) -> bool:
        """Whether it has, without reaping it: until it is reaped its process group cannot be another's."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _how_it_died(code: int) -> str:
    if code >= 0:
        return f"the process that ran it exited with status {code}"
    try:
        return f"the process that ran it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"the process that ran it was killed by signal {-code}"
