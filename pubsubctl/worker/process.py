"""One child: its process, the parent's ends of its socket and pipes, and the tasks that it has."""

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

from pubsubctl.worker import strays, tickets
from pubsubctl.worker.apart import PAYLOADS
from pubsubctl.worker.channel import CUT_OFF
from pubsubctl.worker.frames import Frame, Unpacker, pack
from pubsubctl.worker.outcome import Ending
from pubsubctl.worker.printed import Printed
from pubsubctl.worker.task import Task

_CHUNK = 1 << 18


@dataclass(eq=False)
class Child:
    """A process that runs the application.

    Attributes:
        tickets: the reading and the writing end of its pipe of tickets; the writing end is -1 once that is closed.
        printed: what it prints.
        mark: what it and all that it starts have in their environment.
        tasks: what it was given and has not ended, by ticket, in order.
        ready: it has loaded the application.
        given: how many tasks it was given, and were not taken back.
        done: how many tasks it has ended.
        moved_at: by ``time.monotonic``, when it began or ended a task last, or was given one while it had none.
        condemned: the tickets of the tasks that it is killed for, with how their attempts then end (None: unnoticed).
        kill_at: by ``time.monotonic``, when SIGKILL follows what was to end it more gently.
        leaving: it is given nothing more.
        succeeded: its successor's start is planned.
        cut_off: its socket has ended, which its process is about to do too.
        fault: why it is killed, where that was its own doing.
    """

    process: subprocess.Popen[bytes]
    socket: socket.socket
    tickets: tuple[int, int]
    printed: Printed
    mark: str
    unpacker: Unpacker = field(default_factory=Unpacker)
    outgoing: bytearray = field(default_factory=bytearray)
    tasks: dict[int, Task] = field(default_factory=dict)
    ready: bool = False
    given: int = 0
    done: int = 0
    moved_at: float = field(default_factory=time.monotonic)
    condemned: dict[int, Ending | None] = field(default_factory=dict)
    kill_at: float | None = None
    leaving: bool = False
    succeeded: bool = False
    cut_off: bool = False
    fault: str | None = None
    numbers: Iterator[int] = field(default_factory=itertools.count)
    _offspring: set[tuple[int, int]] = field(default_factory=set)

    @classmethod
    def start(
        cls,
        app: str,
        mark: str,
        *,
        threads: int,
        max_memory: int = 0,
        payloads: str | None = None,
        marks: bool = False,
    ) -> "Child":
        """Start one. The calling thread must live as long as the child: the kernel kills it with that thread.

        Args:
            app: the application.
            mark: see the class; no other child has it.
            threads: how many jobs it runs at once.
            max_memory: bytes of resident memory that it is to tell of when a job ends, or 0.
            payloads: how it keeps large bodies apart, see ``child``; None: it does not.
            marks: whether it marks what it prints with the attempt that it is of.

        Raises:
            OSError: no process can be started now.
        """
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as handed_over:
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            handed_over.callback(theirs.close)
            reading, writing = tickets.open_pipe()
            undo.callback(os.close, reading)
            undo.callback(os.close, writing)
            output, printing = os.pipe()
            undo.callback(os.close, output)
            handed_over.callback(os.close, printing)
            # -P: nothing in the working directory may stand in for a module of ours; the loader adds it afterwards.
            command = [sys.executable, "-P", "-m", "pubsubctl.worker.child", app, "--threads", str(threads)]
            command += ["--fd", str(theirs.fileno()), "--tickets-fd", str(reading), "--parent", str(os.getpid())]
            command += ["--max-memory", str(max_memory)]
            # Not among the arguments, which everybody on the machine may read: the URL of a place may have a password.
            apart = {PAYLOADS: payloads} if payloads else {}
            process = subprocess.Popen(
                [*command, *(["--marks"] if marks else [])],
                pass_fds=[theirs.fileno(), reading],
                stdin=subprocess.DEVNULL,
                stdout=printing,
                stderr=printing,
                env=os.environ | {strays.VARIABLE: mark} | apart,
                start_new_session=True,  # Ctrl-C in a terminal is for the parent alone, which drains
            )
            undo.pop_all()
        ours.setblocking(False)
        os.set_blocking(output, False)
        return cls(process, ours, (reading, writing), Printed(output), mark)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    @property
    def usable(self) -> bool:
        """Whether it can be given more."""
        return self.ready and not self.leaving and not self.cut_off

    def running(self) -> list[Task]:
        """What it has begun."""
        return [task for task in self.tasks.values() if task.began_at is not None]

    def unbegun(self) -> list[Task]:
        """What it is not known to have begun."""
        return [task for task in self.tasks.values() if task.began_at is None]

    # --- tasks ------------------------------------------------------------------------------------------------------

    def give(self, given: Iterable[Task]) -> None:
        """Let it run these. What cannot be sent now is sent by ``flush``; from now on it may begin them."""
        if not self.tasks:
            self.printed.settle()
            self.moved_at = time.monotonic()
        numbers = []
        for task in given:
            task.ticket = next(self.numbers)
            self.tasks[task.ticket] = task
            self.outgoing += task.frame()
            numbers.append(task.ticket)
        self.given += len(numbers)
        self.flush()  # before it is woken by the first ticket, which then needs not wait for its job
        tickets.write(self.tickets[1], numbers)

    def take_back(self) -> list[Task]:
        """Take away what it has not begun, in order; it cannot begin that any more."""
        numbers = []
        while (number := self._take()) is not None:
            numbers.append(number)
        if numbers:
            self.outgoing += pack({"kind": "forget", "tickets": numbers})
        self.given -= len(numbers)
        return [self.tasks.pop(number) for number in numbers]

    def _take(self) -> int | None:
        try:
            return tickets.take(self.tickets[0])
        except EOFError:
            return None  # it was dismissed

    # --- the socket -------------------------------------------------------------------------------------------------

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
                with memoryview(self.outgoing) as view, view[:_CHUNK] as part:
                    sent = self.socket.send(part)
                del self.outgoing[:sent]
        except BlockingIOError:
            return
        except OSError:
            self.outgoing.clear()  # it is dying; the end of its socket will be read

    # --- its jobs' output -------------------------------------------------------------------------------------------

    def read_output(self) -> bytes | None:
        """See ``Printed.read``."""
        data = self.printed.read()
        if not self.tasks:
            self.printed.settle()
        return data

    def begin(self, task: Task, now: float) -> None:
        """A task begins; what is printed from here on is its."""
        self.moved_at = task.began_at = now
        task.output_from = self.printed.mark()

    def log_of(self, task: Task) -> str:
        """The last of what was printed while a task ran that has no end of its own."""
        text = self.printed.since(task.output_from)
        running = len(self.running())
        return f"[{running} jobs ran in this process; all that they printed]\n{text}" if text and running > 1 else text

    # --- the end ----------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """Ask it to end, it alone: what it started for jobs other than the one concerned may end those yet."""
        self._note_offspring()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it, and all of its session."""
        self._note_offspring()
        self._kill_session()

    def _kill_session(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _note_offspring(self) -> None:
        self._offspring |= strays.offspring(self.process.pid)

    def dismiss(self) -> None:
        """Let it end by itself, as there will be no more tasks."""
        reading, writing = self.tickets
        if writing >= 0:
            os.close(writing)
            self.tickets = (reading, -1)

    def has_exited(self) -> bool:
        """Whether it has, without reaping it: until it is reaped its process group cannot be another's."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self) -> str:
        """Make sure that it, and whatever it started, is gone, and reap it; says how it died."""
        self.socket.close()
        self._kill_session()
        strays.end(self.mark, self.process.pid, self._offspring)
        code = self.process.wait()
        return self.fault or _how_it_died(code)

    def close(self) -> None:
        """Let go of its pipes."""
        self.dismiss()
        os.close(self.tickets[0])
        self.printed.close()


def _how_it_died(code: int) -> str:
    if code == CUT_OFF:
        return "the process that ran it lost its worker: the app has closed file descriptors that are not its own"
    if code >= 0:
        return f"the process that ran it exited with status {code}"
    try:
        return f"the process that ran it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"the process that ran it was killed by signal {-code}"
