"""The children: started, fed, listened to, killed and replaced.

A slot is a thread of a child. A child is given more jobs than it has slots only while jobs are short (a few
milliseconds' worth), so that it never waits for the next one; when one of them turns out long, what has not begun
is taken back and given to another.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Request, Response
from pubsubctl.store.base import Claimed
from pubsubctl.worker.frames import Frame, Unpacker, pack
from pubsubctl.worker.outcome import Answered, Died, Ending, TooLarge

_log = logging.getLogger("pubsubctl.worker")

_CHUNK = 1 << 18
_AHEAD_S = 0.005
"""How much work a child may hold beyond its slots."""
_MOST_AHEAD = 64
_TICK_S = 0.05
_TERM_GRACE_S = 1.0
_BOOT_TRIES = 3
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 30.0


@dataclass(eq=False)
class Task:
    """A claimed job on its way through a child.

    Attributes:
        began_at: by ``time.monotonic``, when a child said that it began.
        progress: what the application reported last, until a heartbeat has taken it.
    """

    claimed: Claimed
    request: Request
    timeout_s: float | None = None
    began_at: float | None = None
    progress: tuple[float | None, str | None] | None = None

    def frame(self) -> bytes:
        """The job as the child is given it."""
        header = {
            "kind": "job",
            "id": self.claimed.job_id,
            "attempt": self.claimed.attempt,
            "method": self.request.method,
            "path": self.request.path,
            "headers": self.request.headers,
        }
        return pack(header, self.request.body)


class Events(Protocol):
    """What a pool tells its owner, from the pool's own thread."""

    def loaded(self) -> None:
        """A child has loaded the application."""

    def room_made(self) -> None:
        """A child can take more than it has."""

    def ended(self, task: Task, ending: Ending) -> None:
        """A job's attempt has ended."""

    def interrupted(self, task: Task) -> None:
        """A job had begun and was stopped for no fault of its own."""

    def failed(self, error: ApplicationError) -> None:
        """The application cannot be loaded; the pool starts no more children."""


@dataclass(eq=False)
class _Child:
    process: subprocess.Popen[bytes]
    socket: socket.socket
    born_at: float
    unpacker: Unpacker = field(default_factory=Unpacker)
    outgoing: bytearray = field(default_factory=bytearray)
    tasks: dict[str, Task] = field(default_factory=dict)
    ready: bool = False
    recalling: bool = False
    done: int = 0
    condemned: dict[str, Ending | None] = field(default_factory=dict)
    kill_at: float | None = None

    def unbegun(self) -> list[Task]:
        return [task for task in self.tasks.values() if task.began_at is None]


class Pool:
    """Runs tasks in ``processes`` children of ``threads`` threads each."""

    def __init__(self, app: str, events: Events, *, processes: int, threads: int) -> None:
        self._app = app
        self._events = events
        self._processes = processes
        self._threads = threads
        self._lock = threading.RLock()
        self._children: list[_Child] = []
        self._waiting: deque[Task] = deque()  # claimed, and no child has room: what a dead or slow child gave back
        self._mean_s = _AHEAD_S
        self._early_deaths = 0
        self._spawn_at: list[float] = []
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._thread = threading.Thread(target=self._loop, name="pool", daemon=True)

    # --- what others call -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the children; ``Events.room_made`` is called as each has loaded the application."""
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._spawn_at = [0.0] * self._processes
        self._thread.start()

    def room(self) -> int:
        """How many more tasks could be given to children right now."""
        with self._lock:
            held = sum(self._depth() - len(child.tasks) for child in self._children if self._usable(child))
            return held - len(self._waiting)

    def run(self, tasks: Iterable[Task]) -> None:
        """Give tasks to the children; where none has room they wait."""
        with self._lock:
            self._waiting.extend(tasks)
            self._feed()

    def kill(self, task: Task, ending: Ending | None) -> bool:
        """Stop the child that runs ``task``; the attempt then ends as ``ending`` says, or unnoticed if None.

        A task that has not begun is only taken out, at the latest when its child comes to it. False if the pool
        does not have the task.
        """
        with self._lock:
            if task in self._waiting:
                self._waiting.remove(task)
                return True
            child = next((child for child in self._children if child.tasks.get(task.claimed.job_id) is task), None)
            if child is None:
                return False
            if task.claimed.job_id not in child.condemned:
                child.condemned[task.claimed.job_id] = ending
                if task.began_at is not None:
                    self._condemn(child)
            return True

    def tasks(self) -> list[Task]:
        """All tasks that have not ended."""
        with self._lock:
            return [*self._waiting, *(task for child in self._children for task in child.tasks.values())]

    def take_back(self) -> list[Task]:
        """Give up what no child has begun; returns what could be had at once."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def recall(self) -> None:
        """Ask every child for what it has not begun; it comes back to wait, where ``take_back`` finds it."""
        with self._lock:
            for child in self._children:
                self._recall(child)

    def stop(self) -> None:
        """Kill what still runs, close everything."""
        with self._lock:
            self._stopping = True
            self._spawn_at.clear()
        self._ring()
        if self._thread.is_alive():
            self._thread.join()
        for child in self._children:
            self._end(child)
        self._children.clear()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    # --- the pool's own thread --------------------------------------------------------------------------------------

    def _loop(self) -> None:
        # Children must be started by a thread that lives as long as they do: the kernel kills them with it.
        while not self._stopping:
            self._spawn_due()
            for key, mask in self._selector.select(self._pause()):
                if key.data is None:
                    with contextlib.suppress(BlockingIOError):
                        self._bell.recv(4096)
                    continue
                if mask & selectors.EVENT_WRITE:
                    with self._lock:
                        self._write(key.data)
                if mask & selectors.EVENT_READ:
                    self._read(key.data)
            self._look_after()

    def _pause(self) -> float | None:
        with self._lock:
            if any(child.kill_at or (child.tasks and not child.recalling) for child in self._children):
                return _TICK_S
            return max(0.0, min(self._spawn_at) - time.monotonic()) if self._spawn_at else None

    def _look_after(self) -> None:
        """Take work back from behind jobs that turned out long; kill what did not go by itself."""
        now = time.monotonic()
        with self._lock:
            for child in self._children:
                if child.kill_at is not None and now >= child.kill_at:
                    child.kill_at = None
                    _signal(child, signal.SIGKILL)
                running = [task.began_at for task in child.tasks.values() if task.began_at is not None]
                if running and now - min(running) > _TICK_S and len(child.tasks) > len(running):
                    self._mean_s = max(self._mean_s, _AHEAD_S)
                    self._recall(child)

    def _spawn_due(self) -> None:
        now = time.monotonic()
        while self._spawn_at and min(self._spawn_at) <= now:
            self._spawn_at.remove(min(self._spawn_at))
            self._spawn()

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "pubsubctl.worker.child", self._app]
        command += ["--fd", str(theirs.fileno()), "--parent", str(os.getpid()), "--threads", str(self._threads)]
        with theirs:
            process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),  # what an application prints is no data of ours
                start_new_session=True,  # Ctrl-C in a terminal is for the parent alone, which drains
            )
        ours.setblocking(False)
        child = _Child(process, ours, time.monotonic())
        with self._lock:
            self._children.append(child)
        self._selector.register(ours, selectors.EVENT_READ, child)

    def _read(self, child: _Child) -> None:
        try:
            data = child.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._bury(child)
            return
        try:
            for frame in child.unpacker.feed(data):
                self._heard(child, frame)
        except (ValueError, KeyError, TypeError) as error:  # the application wrote into our socket
            _log.error("child %d speaks nonsense and is killed: %r", child.process.pid, error)
            _signal(child, signal.SIGKILL)
        self._events.room_made()

    def _heard(self, child: _Child, frame: Frame) -> None:
        match frame.kind:
            case "began":
                self._began(child, frame)
            case "done":
                response = Response(
                    frame.header["status"],
                    tuple((name, value) for name, value in frame.header["headers"]),
                    frame.body,
                    frame.header["phrase"],
                )
                self._mean_s += 0.2 * (frame.header["seconds"] - self._mean_s)
                self._done(child, frame, Answered(response))
            case "too-large":
                self._done(child, frame, TooLarge())
            case "progress":
                task = child.tasks.get(frame.header["id"])
                if task is not None:
                    task.progress = (frame.header["fraction"], frame.header["note"])
            case "returned":
                self._returned(child, frame.header["ids"])
            case "ready":
                with self._lock:
                    child.ready = True
                    self._feed()
                self._events.loaded()
            case "unloadable":
                self._give_up(ApplicationError(frame.header["error"]))
            case other:
                raise ValueError(other)

    def _began(self, child: _Child, frame: Frame) -> None:
        with self._lock:
            task = child.tasks[frame.header["id"]]
            task.began_at = time.monotonic()
            if task.claimed.job_id in child.condemned:
                self._condemn(child)

    def _done(self, child: _Child, frame: Frame, ending: Ending) -> None:
        with self._lock:
            task = child.tasks.pop(frame.header["id"])
            child.condemned.pop(task.claimed.job_id, None)
            child.done += 1
            self._early_deaths = 0
            self._feed()
        self._events.ended(task, ending)

    def _returned(self, child: _Child, ids: list[str]) -> None:
        with self._lock:
            child.recalling = False
            tasks = [child.tasks.pop(job_id) for job_id in ids if job_id in child.tasks]
            self._waiting.extendleft(
                task for task in reversed(tasks) if child.condemned.pop(task.claimed.job_id, task) is task
            )
            self._feed()

    def _bury(self, child: _Child) -> None:
        """A child's socket has closed: reap it, say how its jobs ended, start another."""
        self._selector.unregister(child.socket)
        self._end(child)
        how = _how_it_died(child.process.returncode)
        with self._lock:
            self._children.remove(child)
            begun = [task for task in child.tasks.values() if task.began_at is not None]
            innocent = [t for t in child.unbegun() if child.condemned.get(t.claimed.job_id, t) is t]
            self._waiting.extendleft(reversed(innocent))
            self._replace(child, how)
            self._feed()
        for task in begun:
            self._ended_by_death(child, task, how)

    def _ended_by_death(self, child: _Child, task: Task, how: str) -> None:
        if not child.condemned:
            self._events.ended(task, Died(how))
        elif task.claimed.job_id not in child.condemned:
            self._events.interrupted(task)
        elif (ending := child.condemned[task.claimed.job_id]) is not None:
            self._events.ended(task, ending)

    def _replace(self, child: _Child, how: str) -> None:
        if self._stopping:
            return
        if child.condemned:
            self._spawn_at.append(0.0)
            return
        _log.warning("child %d: %s", child.process.pid, how)
        if child.done == 0:
            self._early_deaths += 1
        if not child.ready and self._early_deaths >= _BOOT_TRIES:
            self._give_up(ApplicationError(f"the app {self._app!r} cannot be loaded: {how}, before it was ready"))
            return
        pause = 0.0 if not self._early_deaths else _FIRST_PAUSE_S * 2 ** (self._early_deaths - 1)
        self._spawn_at.append(time.monotonic() + min(pause, _LAST_PAUSE_S))

    def _give_up(self, error: ApplicationError) -> None:
        self._stopping = True
        self._events.failed(error)

    # --- with the lock held -----------------------------------------------------------------------------------------

    def _depth(self) -> int:
        """How many tasks a child may hold."""
        ahead = int(_AHEAD_S / self._mean_s) if self._mean_s < _AHEAD_S else 0
        return self._threads + min(ahead, _MOST_AHEAD)

    def _usable(self, child: _Child) -> bool:
        return child.ready and not child.recalling and not child.condemned

    def _feed(self) -> None:
        """Give what waits to the children with the fewest tasks."""
        fed: dict[int, _Child] = {}
        while self._waiting:
            free = [child for child in self._children if self._usable(child) and len(child.tasks) < self._depth()]
            if not free:
                break
            child = min(free, key=lambda child: len(child.tasks))
            task = self._waiting.popleft()
            task.began_at = None
            child.tasks[task.claimed.job_id] = task
            child.outgoing += task.frame()
            fed[id(child)] = child
        for child in fed.values():
            self._write(child)

    def _recall(self, child: _Child) -> None:
        if child.ready and not child.recalling and child.unbegun():
            child.recalling = True
            child.outgoing += pack({"kind": "recall"})
            self._write(child)

    def _write(self, child: _Child) -> None:
        """Send what can be sent now; the pool's thread sends the rest when the child reads on."""
        try:
            while child.outgoing:
                sent = child.socket.send(child.outgoing[:_CHUNK])
                del child.outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            return  # it is dying; the pool's thread will read the end of its socket
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.outgoing else 0)
        key = self._selector.get_map().get(child.socket.fileno())
        if key is not None and key.events != wanted:
            self._selector.modify(child.socket, wanted, child)
            self._ring()

    def _condemn(self, child: _Child) -> None:
        if child.kill_at is None:
            child.kill_at = time.monotonic() + _TERM_GRACE_S
            _signal(child, signal.SIGTERM)
            self._ring()

    def _ring(self) -> None:
        """Let the pool's thread look again."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._rope.send(b"!")

    def _end(self, child: _Child) -> None:
        """Make sure that a child and whatever it started are gone, and reap it."""
        child.socket.close()
        deadline = time.monotonic() + _TERM_GRACE_S
        while not _has_exited(child) and time.monotonic() < deadline and not self._stopping:
            time.sleep(0.001)
        _signal(child, signal.SIGKILL)
        child.process.wait()


def _has_exited(child: _Child) -> bool:
    """Whether it has, without reaping it: until it is reaped its process group cannot be another's."""
    return os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal(child: _Child, number: signal.Signals) -> None:
    """Signal a child that was not reaped yet, and whatever it started: all of its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if child.process.returncode is None:
            os.killpg(child.process.pid, number)


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"the process that ran it was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"the process that ran it was killed by signal {-code}"
    return f"the process that ran it exited with status {code}"
