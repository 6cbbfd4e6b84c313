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
from typing import Protocol

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Response
from pubsubctl.worker.frames import Frame
from pubsubctl.worker.outcome import Answered, Died, Ending, TooLarge
from pubsubctl.worker.process import Child
from pubsubctl.worker.respawn import Respawn
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_AHEAD_S = 0.005
"""How much work a child may hold beyond its slots."""
_MOST_AHEAD = 64
_WEIGHT = 0.2
"""Of the newest job in the mean of what jobs take."""
_TICK_S = 0.05
_TERM_GRACE_S = 1.0
_SPAWN_AGAIN_S = 5.0


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
        self._respawn = Respawn(processes)
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
        """Stop a task, with the child if that has begun it; the attempt then ends as ``ending`` says.

        Args:
            task: the task.
            ending: how it ends; None: it ends unnoticed.

        Returns:
            False if the pool does not have the task.
        """
        with self._lock:
            child = next((child for child in self._children if child.tasks.get(task.ticket) is task), None)
            if child is not None and task.began_at is None:
                self._take_back_from(child)
            if task in self._waiting:
                self._waiting.remove(task)
                self._feed()
                return True
            if child is None:
                return False
            if child.condemned.setdefault(task.ticket, ending) is ending and child.kill_at is None:
                child.kill_at = time.monotonic() + _TERM_GRACE_S
                child.signal(signal.SIGTERM)
                self._ring()
            return True

    def tasks(self) -> list[Task]:
        """All tasks that have not ended."""
        with self._lock:
            return [*self._waiting, *(task for child in self._children for task in child.tasks.values())]

    def take_back(self) -> list[Task]:
        """Give up everything that no child has begun."""
        with self._lock:
            for child in self._children:
                self._take_back_from(child)
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
                elif key.data in self._children:
                    self._attend(key.data, mask)
            self._look_after()

    def _attend(self, child: Child, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            with self._lock:
                self._write(child)
        if mask & selectors.EVENT_READ:
            self._read(child)

    def _pause(self) -> float | None:
        with self._lock:
            if any(child.kill_at or child.tasks for child in self._children):
                return _TICK_S
            start = self._respawn.next_start
            return None if start is None else max(0.0, start - time.monotonic())

    def _look_after(self) -> None:
        """Kill what did not go by itself, notice what has, take work back from behind jobs that turned out long."""
        now = time.monotonic()
        for child in list(self._children):
            if child.has_exited():
                # Its end may show in no other way: what the application started may hold the socket open.
                self._read(child)
                self._bury(child)
        with self._lock:
            for child in self._children:
                if child.kill_at is not None and now >= child.kill_at:
                    child.kill_at = None
                    child.signal(signal.SIGKILL)
                running = child.running()
                long = any(now - (task.began_at or now) > _TICK_S for task in running)
                if long and len(child.tasks) > len(running):
                    self._mean_s = max(self._mean_s, _AHEAD_S)
                    self._take_back_from(child)
            self._feed()

    def _spawn_due(self) -> None:
        # By this thread, which lives as long as the children: the kernel kills them with the thread that made them.
        while self._respawn.take(time.monotonic()):
            try:
                child = Child.start(self._app, threads=self._threads)
            except OSError as error:
                _log.error("no child can be started now: %s; trying again in %g s", error, _SPAWN_AGAIN_S)
                self._respawn.later(time.monotonic() + _SPAWN_AGAIN_S)
                return
            with self._lock:
                self._children.append(child)
            self._selector.register(child.socket, selectors.EVENT_READ, child)

    def _read(self, child: Child) -> None:
        """Hear what has arrived."""
        try:
            while frames := child.receive():
                for frame in frames:
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
                child.tasks[header["ticket"]].began_at = time.monotonic()
            case "done":
                headers = tuple((name, value) for name, value in header["headers"])
                self._mean_s += _WEIGHT * (header["seconds"] - self._mean_s)
                response = Response(header["status"], headers, frame.body, header["phrase"])
                self._done(child, header["ticket"], Answered(response))
            case "too-large":
                self._done(child, header["ticket"], TooLarge())
            case "progress":
                if task := child.tasks.get(header["ticket"]):
                    task.progress = (header["fraction"], header["note"])
            case "ready":
                with self._lock:
                    child.ready = True
                    self._feed()
                self._events.loaded()
            case "unloadable":
                self._give_up(ApplicationError(header["error"]))
            case other:
                raise ValueError(other)

    def _done(self, child: Child, ticket: int, ending: Ending) -> None:
        with self._lock:
            task = child.tasks.pop(ticket)
            child.done += 1
            self._respawn.proved()
            self._feed()
        # A job that ended while it was being killed has ended as it was to be killed for.
        chosen = child.condemned.get(ticket, ending)
        if chosen is not None:
            self._events.ended(task, chosen)

    def _bury(self, child: Child) -> None:
        """A child has died: reap it, say how its jobs ended, start another."""
        with self._lock:
            if child not in self._children:
                return
            self._children.remove(child)
        self._selector.unregister(child.socket)
        how = child.end()
        begun = child.running()
        with self._lock:
            self._waiting.extendleft(reversed([t for t in child.unbegun() if t.ticket not in child.condemned]))
            self._replace(child, how)
            self._feed()
        for task in begun:
            self._ended_by_death(child, task, how)

    def _ended_by_death(self, child: Child, task: Task, how: str) -> None:
        if not child.condemned:
            self._events.ended(task, Died(how))
        elif task.ticket not in child.condemned:
            self._events.interrupted(task)
        elif (ending := child.condemned[task.ticket]) is not None:
            self._events.ended(task, ending)

    def _replace(self, child: Child, how: str) -> None:
        if child.condemned:
            self._respawn.later(time.monotonic())
            return
        _log.warning("child %d: %s", child.process.pid, how)
        if not self._respawn.died(time.monotonic(), ready=child.ready, done=child.done):
            self._give_up(ApplicationError(f"the app {self._app!r} cannot be loaded: {how}, before it was ready"))

    def _give_up(self, error: ApplicationError) -> None:
        """Start no more children; those that run go on, until the pool is stopped."""
        self._respawn.give_up()
        self._events.failed(error)

    # --- with the lock held -----------------------------------------------------------------------------------------

    def _depth(self) -> int:
        """How many tasks a child may hold."""
        ahead = int(_AHEAD_S / self._mean_s) if self._mean_s < _AHEAD_S else 0
        return self._threads + min(ahead, _MOST_AHEAD)

    def _feed(self) -> None:
        """Give what waits to the children with the fewest tasks."""
        chosen: dict[int, tuple[Child, list[Task]]] = {}
        free = {id(c): (c, self._depth() - len(c.tasks)) for c in self._children if c.usable}
        while self._waiting and free:
            child, room = max(free.values(), key=lambda each: each[1])
            if room <= 0:
                break
            free[id(child)] = (child, room - 1)
            chosen.setdefault(id(child), (child, []))[1].append(self._waiting.popleft())
        for child, tasks in chosen.values():
            child.give(tasks)
            self._write(child)

    def _take_back_from(self, child: Child) -> None:
        taken = child.take_back()
        self._waiting.extendleft(reversed(taken))
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

    def _ring(self) -> None:
        """Let the pool's thread look again."""
        with contextlib.suppress(OSError):
            self._rope.send(b"!")
