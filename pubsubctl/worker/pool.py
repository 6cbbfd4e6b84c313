"""The children together: fed, listened to, killed and replaced.

A slot is a thread of a child. A child is given more jobs than it has slots only while jobs are short (a few
milliseconds' worth), so that it never waits for the next one; when one of them turns out long, what has not begun
is taken back and given to another.
"""

import contextlib
import logging
import selectors
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Response
from pubsubctl.worker.frames import Frame, pack
from pubsubctl.worker.outcome import Answered, Died, Ending, TooLarge
from pubsubctl.worker.process import Child
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_AHEAD_S = 0.005
"""How much work a child may hold beyond its slots."""
_MOST_AHEAD = 64
_WEIGHT = 0.2
"""Of the newest job in the mean of what jobs take."""
_TICK_S = 0.05
_TERM_GRACE_S = 1.0
_BOOT_TRIES = 3
_SPAWN_AGAIN_S = 5.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 30.0


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


class Pool:
    """Runs tasks in ``processes`` children of ``threads`` threads each. Any thread may call it; nothing blocks."""

    def __init__(self, app: str, events: Events, *, processes: int, threads: int) -> None:
        self._app = app
        self._events = events
        self._threads = threads
        self._lock = threading.RLock()
        self._children: list[Child] = []
        self._waiting: deque[Task] = deque()  # claimed, and no child has room: what a dead or slow child gave back
        self._mean_s = _AHEAD_S
        self._early_deaths = 0
        self._spawn_at = [0.0] * processes
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._thread = threading.Thread(target=self._loop, name="pool", daemon=True)

    def start(self) -> None:
        """Start the children."""
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._thread.start()

    def room(self) -> int:
        """How many more tasks could be given to children right now."""
        with self._lock:
            free = sum(self._depth() - len(child.tasks) for child in self._children if child.usable)
            return free - len(self._waiting)

    def run(self, tasks: Iterable[Task]) -> None:
        """Give tasks to the children; where none has room they wait."""
        with self._lock:
            self._waiting.extend(tasks)
            self._feed()

    def kill(self, task: Task, ending: Ending | None) -> bool:
        """Stop a task, with the child that runs it; the attempt then ends as ``ending`` says, unnoticed if None.

        Returns:
            False if the pool does not have the task.
        """
        with self._lock:
            if task in self._waiting:
                self._waiting.remove(task)
                return True
            child = next((child for child in self._children if child.tasks.get(task.key) is task), None)
            if child is None:
                return False
            if task.key not in child.condemned:
                child.condemned[task.key] = ending
                if task.began_at is None:
                    self._recall(child)
                else:
                    self._condemn(child)
            return True

    def tasks(self) -> list[Task]:
        """All tasks that have not ended."""
        with self._lock:
            return [*self._waiting, *(task for child in self._children for task in child.tasks.values())]

    def recall(self) -> None:
        """Ask every child for what it has not begun; it comes back to wait, where ``take_back`` finds it."""
        with self._lock:
            for child in self._children:
                self._recall(child)

    def take_back(self) -> list[Task]:
        """Give up what waits for a child."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def stop(self) -> None:
        """Kill what still runs, close everything."""
        with self._lock:
            self._stopping = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join()
        for child in self._children:
            child.end(grace_s=0.0)
        self._children.clear()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    # --- the pool's own thread --------------------------------------------------------------------------------------

    def _loop(self) -> None:
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
            if any(child.kill_at or child.tasks for child in self._children):
                return _TICK_S
            return max(0.0, min(self._spawn_at) - time.monotonic()) if self._spawn_at else None

    def _look_after(self) -> None:
        """Take work back from behind jobs that turned out long; kill what did not go by itself."""
        now = time.monotonic()
        with self._lock:
            for child in self._children:
                if child.kill_at is not None and now >= child.kill_at:
                    child.kill_at = None
                    child.signal(signal.SIGKILL)
                running = child.running()
                long = any(task.began_at is not None and now - task.began_at > _TICK_S for task in running)
                if long and len(child.tasks) > len(running):
                    self._mean_s = max(self._mean_s, _AHEAD_S)
                    self._recall(child)

    def _spawn_due(self) -> None:
        # By this thread, which lives as long as the children: the kernel kills them with the thread that made them.
        while self._spawn_at and min(self._spawn_at) <= time.monotonic():
            self._spawn_at.remove(min(self._spawn_at))
            try:
                child = Child.start(self._app, threads=self._threads)
            except OSError as error:
                _log.error("no child can be started now: %s; trying again in %g s", error, _SPAWN_AGAIN_S)
                self._spawn_at.append(time.monotonic() + _SPAWN_AGAIN_S)
                return
            with self._lock:
                self._children.append(child)
            self._selector.register(child.socket, selectors.EVENT_READ, child)

    def _read(self, child: Child) -> None:
        try:
            frames = child.receive()
            for frame in frames or ():
                self._heard(child, frame)
        except (ValueError, KeyError, TypeError) as error:  # the application wrote into our socket
            _log.error("child %d speaks nonsense and is killed: %r", child.process.pid, error)
            child.signal(signal.SIGKILL)
            return
        if frames is None:
            self._bury(child)
        self._events.room_made()

    def _heard(self, child: Child, frame: Frame) -> None:
        header = frame.header
        match frame.kind:
            case "began":
                self._began(child, _key(header))
            case "done":
                headers = tuple((name, value) for name, value in header["headers"])
                self._mean_s += _WEIGHT * (header["seconds"] - self._mean_s)
                response = Response(header["status"], headers, frame.body, header["phrase"])
                self._done(child, _key(header), Answered(response))
            case "too-large":
                self._done(child, _key(header), TooLarge())
            case "progress":
                child.tasks[_key(header)].progress = (header["fraction"], header["note"])
            case "returned":
                self._returned(child, [(job_id, attempt) for job_id, attempt in header["keys"]])
            case "ready":
                self._loaded(child)
            case "unloadable":
                self._give_up(ApplicationError(header["error"]))
            case other:
                raise ValueError(other)

    def _loaded(self, child: Child) -> None:
        with self._lock:
            child.ready = True
            self._feed()
        self._events.loaded()

    def _began(self, child: Child, key: tuple[str, int]) -> None:
        with self._lock:
            child.tasks[key].began_at = time.monotonic()
            if key in child.condemned:
                self._condemn(child)

    def _done(self, child: Child, key: tuple[str, int], ending: Ending) -> None:
        with self._lock:
            task = child.tasks.pop(key)
            child.done += 1
            self._early_deaths = 0
            self._feed()
        # A job that ended while it was being killed has ended as it was to be killed for.
        chosen = child.condemned.get(key, ending)
        if chosen is not None:
            self._events.ended(task, chosen)

    def _returned(self, child: Child, keys: list[tuple[str, int]]) -> None:
        with self._lock:
            child.recalling = False
            tasks = [child.tasks.pop(key) for key in keys]
            self._waiting.extendleft(reversed([task for task in tasks if task.key not in child.condemned]))
            for key in keys:
                child.condemned.pop(key, None)
            self._feed()

    def _bury(self, child: Child) -> None:
        """A child's socket has closed: reap it, say how its jobs ended, start another."""
        self._selector.unregister(child.socket)
        how = child.end()
        with self._lock:
            self._children.remove(child)
            self._waiting.extendleft(reversed([t for t in child.unbegun() if t.key not in child.condemned]))
            self._replace(child, how)
            self._feed()
        for task in child.running():
            if not child.condemned:
                self._events.ended(task, Died(how))
            elif task.key not in child.condemned:
                self._events.interrupted(task)
            elif (ending := child.condemned[task.key]) is not None:
                self._events.ended(task, ending)

    def _replace(self, child: Child, how: str) -> None:
        """Start another in its place, after a pause if none of them lives to end a job."""
        if child.condemned:
            self._spawn_at.append(0.0)
            return
        _log.warning("child %d: %s", child.process.pid, how)
        if child.done == 0:
            self._early_deaths += 1
        if not child.ready and self._early_deaths >= _BOOT_TRIES:
            self._give_up(ApplicationError(f"the app {self._app!r} cannot be loaded: {how}, before it was ready"))
            return
        pause = _FIRST_PAUSE_S * 2 ** (self._early_deaths - 1) if self._early_deaths else 0.0
        self._spawn_at.append(time.monotonic() + min(pause, _LAST_PAUSE_S))

    def _give_up(self, error: ApplicationError) -> None:
        self._stopping = True
        self._events.failed(error)

    # --- with the lock held -----------------------------------------------------------------------------------------

    def _depth(self) -> int:
        """How many tasks a child may hold."""
        ahead = int(_AHEAD_S / self._mean_s) if self._mean_s < _AHEAD_S else 0
        return self._threads + min(ahead, _MOST_AHEAD)

    def _feed(self) -> None:
        """Give what waits to the children with the fewest tasks."""
        fed: list[Child] = []
        while self._waiting:
            free = [child for child in self._children if child.usable and len(child.tasks) < self._depth()]
            if not free:
                break
            child = min(free, key=lambda child: len(child.tasks))
            task = self._waiting.popleft()
            child.tasks[task.key] = task
            child.outgoing += task.frame()
            if child not in fed:
                fed.append(child)
        for child in fed:
            self._write(child)

    def _recall(self, child: Child) -> None:
        if child.ready and not child.recalling and child.unbegun():
            child.recalling = True
            child.outgoing += pack({"kind": "recall"})
            self._write(child)

    def _write(self, child: Child) -> None:
        """Send what can be sent now; the pool's thread sends the rest when the child reads on."""
        child.flush()
        if child.socket.fileno() < 0:
            return  # it was reaped meanwhile
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.outgoing else 0)
        key = self._selector.get_map().get(child.socket.fileno())
        if key is not None and key.events != wanted:
            self._selector.modify(child.socket, wanted, child)
            self._ring()

    def _condemn(self, child: Child) -> None:
        if child.kill_at is None:
            child.kill_at = time.monotonic() + _TERM_GRACE_S
            child.signal(signal.SIGTERM)
            self._ring()

    def _ring(self) -> None:
        """Let the pool's thread look again."""
        with contextlib.suppress(OSError):
            self._rope.send(b"!")


def _key(header: dict[str, Any]) -> tuple[str, int]:
    return header["id"], header["attempt"]
