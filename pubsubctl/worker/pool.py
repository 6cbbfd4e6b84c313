"""The children together: fed, listened to, killed and replaced.

A slot is a thread of a child. A child is given more jobs than it has slots only while jobs are short (a few
milliseconds' worth), so that it never waits for the next one; when one of them turns out long, what has not begun
is taken back and given to another.

A child that is to end, since a job of its was stopped or since it has run enough of them, is given nothing more, and
its successor is started at once: an application that will not end keeps no slot. So for a while there may be twice as
many children as asked for, never more.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Meaning, meaning
from pubsubctl.worker import reports
from pubsubctl.worker.leash import Leash
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.outcome import Answered, Died, Ending, TimedOut, TooLarge
from pubsubctl.worker.output import Forwarder, LogLines, Output, about, write_through
from pubsubctl.worker.pace import Pace
from pubsubctl.worker.process import Child
from pubsubctl.worker.respawn import Respawn
from pubsubctl.worker.switchboard import Switchboard
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_TICK_S = 0.05
_SHORT_TICK_S = 0.005
_IDLE_TICK_S = 1.0
"""What is given to an idle child wakes nobody here, and a child that is stuck says nothing."""
_EXIT_GRACE_S = 1.0
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

    def stopped(self, task: Task) -> None:
        """A job that was to end unnoticed has ended; its task has its log."""

    def failed(self, error: ApplicationError) -> None:
        """The application cannot be loaded; the pool starts no more children."""


class Pool:
    """Runs tasks in ``processes`` children of ``threads`` threads each. Any thread may call it; nothing blocks.

    A task that runs longer than its ``timeout_s`` is stopped.

    Args:
        app: the application, as ``application.load`` finds it.
        events: told what happens.
        processes: how many children there are.
        threads: how many jobs each of them runs at once.
        meters: counts the deaths of children.
        max_jobs_per_child: after so many jobs a child is replaced; 0: it never is.
        max_memory_per_child: so is one that has more bytes of memory in use when a job ends; 0: it never is.
        output: where what children print goes; they mark it where lines of a log are made of it.
        stuck_s: how long a child may take to begin a job while it runs none, before it is killed.
        term_grace_s: how long one that is stopped has between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        app: str,
        events: Events,
        *,
        processes: int,
        threads: int,
        meters: Meters | None = None,
        max_jobs_per_child: int = 0,
        max_memory_per_child: int = 0,
        output: Output = write_through,
        stuck_s: float = 10.0,
        term_grace_s: float = 0.5,
    ) -> None:
        self._app = app
        self._events = events
        self._processes = processes
        self._threads = threads
        self._meters = meters or Meters()
        self._max_jobs = max_jobs_per_child
        self._max_memory = max_memory_per_child
        self._forwarder = Forwarder(output)
        self._marks = isinstance(output, LogLines)
        self._stuck_s = stuck_s
        self._term_grace_s = term_grace_s
        self._leash = Leash()
        self._lock = threading.RLock()
        self._children: list[Child] = []
        self._dying: Child | None = None
        self._waiting: deque[Task] = deque()  # claimed, and no child has room: what a dead or slow child gave back
        self._pace = Pace()
        self._respawn = Respawn(processes)
        self._stopping = False
        self._switchboard = Switchboard(on_readable=self._read, on_writable=self._write, on_printed=self._hear_output)
        self._thread = threading.Thread(target=self._loop, name="pool", daemon=True)

    def start(self) -> None:
        """Start the children."""
        self._forwarder.start()
        self._thread.start()

    def room(self) -> int:
        """How many more tasks could be given to children right now."""
        with self._lock:
            return sum(self._room(child) for child in self._children) - len(self._waiting)

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
            False if the pool does not have the task, or stops it already.
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
            if task.ticket in child.condemned:
                return False
            child.condemned[task.ticket] = ending
            self._stop(child)
            return True

    def tasks(self) -> list[Task]:
        """All tasks that have not ended; a task whose child has died has not, before all that it started is dead."""
        with self._lock:
            dying = [] if self._dying is None else self._dying.running()
            return [*self._waiting, *dying, *(task for child in self._children for task in child.tasks.values())]

    def take_back(self) -> list[Task]:
        """Give up everything that no child has begun."""
        with self._lock:
            for child in self._children:
                self._take_back_from(child)
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def renew(self) -> None:
        """Run what is new in new children, which load the application anew; what runs ends in the old ones."""
        with self._lock:
            for child in self._children:
                if not child.leaving:
                    self._retire(child)
            self._respawn.resume(self._processes - sum(1 for child in self._children if not child.succeeded))
            self._feed()
        self._switchboard.ring()

    def stop(self) -> None:
        """Kill what still runs, let the other children end, close everything."""
        with self._lock:
            self._stopping = True
        self._switchboard.ring()
        if self._thread.is_alive():
            self._thread.join()
        self._end_all()
        self._forwarder.close()
        self._leash.close()
        self._switchboard.close()

    # --- the pool's own thread --------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._stopping:
            self._spawn_due()
            self._switchboard.wait(self._pause())
            self._look_after()
        self._end_all()  # by this thread, as the kernel kills them when it ends

    def _write(self, child: Child) -> None:
        with self._lock:
            self._switchboard.write(child)

    def _pause(self) -> float:
        with self._lock:
            if any(child.cut_off for child in self._children):
                return _SHORT_TICK_S
            if any(child.kill_at or child.tasks or child.printed.muted for child in self._children):
                return _TICK_S
            start = self._respawn.next_start
            return _IDLE_TICK_S if start is None else min(_IDLE_TICK_S, max(0.0, start - time.monotonic()))

    def _look_after(self) -> None:
        """Kill what did not go by itself, notice what has, stop what is overdue, take back what waits for long jobs."""
        now = time.monotonic()
        for child in list(self._children):
            if child.has_exited():
                # Its end may show in no other way: what the application started may hold the socket open.
                self._read(child)
                self._bury(child)
        with self._lock:
            for child in self._children:
                self._look_at(child, now)
            self._feed()

    def _look_at(self, child: Child, now: float) -> None:
        if child.kill_at is not None and now >= child.kill_at:
            self._kill_now(child)
        if child.printed.muted and not self._forwarder.full:
            self._switchboard.unmute(child)
        running = child.running()
        if child.tasks and not (running or child.cut_off) and now - child.moved_at > self._stuck_s:
            # A thread that a job left behind holds the GIL, or it was stopped: no job's timeout would ever end that.
            child.fault = f"it was killed, since it had begun no job for {self._stuck_s:g} s"
            self._cut_off(child, grace_s=0.0)
        for task in running:
            if task.timeout_s and now - (task.began_at or now) > task.timeout_s and task.ticket not in child.condemned:
                self._time_out(task, task.timeout_s)
        if len(child.tasks) > len(running) and any(now - (task.began_at or now) > _TICK_S for task in running):
            self._pace.slow_down()
            self._take_back_from(child)

    def _time_out(self, task: Task, limit_s: float) -> None:
        _log.warning("job %s ran longer than %g s and is stopped", task.job_id, limit_s, extra=about(task))
        self.kill(task, TimedOut(limit_s))

    def _kill_now(self, child: Child) -> None:
        child.kill_at = None
        if child.cut_off and not child.leaving and not child.fault:
            child.fault = "the process that ran it was killed: the app has closed its way to the worker"
        child.kill()

    def _spawn_due(self) -> None:
        # By this thread, which lives as long as the children: the kernel kills them with the thread that made them.
        while self._respawn.take(time.monotonic()):
            mark = self._leash.next_mark()
            try:
                child = Child.start(
                    self._app, mark, threads=self._threads, max_memory=self._max_memory, marks=self._marks
                )
            except OSError as error:
                _log.error("no child can be started now: %s; trying again in %g s", error, _SPAWN_AGAIN_S)
                self._respawn.later(time.monotonic() + _SPAWN_AGAIN_S)
                return
            with self._lock:
                self._children.append(child)
            self._switchboard.connect(child)
            self._leash.hold()

    # --- what a child says and prints -------------------------------------------------------------------------------

    def _read(self, child: Child) -> None:
        """Hear what has arrived."""
        if child.cut_off:
            return
        try:
            while frames := child.receive():
                for frame in frames:
                    child.printed.note(reports.printed(frame))
                    if child.printed.is_behind:  # what a job printed is heard before its end, while it is known to run
                        self._hear_output(child)
                    self._heard(child, reports.read(frame))
        except reports.NONSENSE as error:
            _log.error("child %d speaks nonsense and is killed: %r", child.pid, error)
            child.fault = "the process that ran it was killed: the app has written into the worker's own socket"
            self._cut_off(child, grace_s=0.0)
            return
        if frames is None:
            self._cut_off(child, grace_s=_EXIT_GRACE_S)
        self._events.room_made()

    def _cut_off(self, child: Child, *, grace_s: float) -> None:
        """Its socket says no more: its process ends in a moment, or is made to."""
        with self._lock:
            child.cut_off = True
            child.kill_at = time.monotonic() + grace_s
        self._switchboard.cut_off(child)

    def _heard(self, child: Child, report: reports.Report) -> None:
        match report:
            case reports.Began(ticket):
                child.begin(child.tasks[ticket], time.monotonic())
            case reports.Ended():
                self._done(child, report)
            case reports.Progressed(ticket, fraction, note):
                if task := child.tasks.get(ticket):
                    task.progress = (fraction, note)
            case reports.Ready():
                self._loaded(child)
            case reports.Unloadable(error):
                self._unloadable(child, error)

    def _hear_output(self, child: Child) -> None:
        if self._forwarder.full:
            self._switchboard.mute(child)
        elif (data := child.read_output()) is None:
            self._switchboard.hush(child)
        elif data:
            self._forwarder.put(child.pid, data, child.running())

    def _loaded(self, child: Child) -> None:
        with self._lock:
            child.ready = True
            self._feed()
        if not child.leaving:
            self._events.loaded()

    def _unloadable(self, child: Child, error: str) -> None:
        if not child.leaving:
            self._give_up(ApplicationError(error))

    def _done(self, child: Child, report: reports.Ended) -> None:
        ticket, ending = report.ticket, report.ending
        with self._lock:
            task = child.tasks.pop(ticket)
            child.done += 1
            child.moved_at = time.monotonic()
            self._pace.learn(report.seconds)
            self._respawn.proved()
            if self._max_jobs or self._max_memory or child.leaving:
                self._let_leave(child, report.resident)
            self._feed()
        if not child.condemned or (ticket not in child.condemned and _good(ending)):
            self._events.ended(task, ending)
        elif ticket not in child.condemned:
            self._events.interrupted(task)  # it may have gone wrong just because the child is made to end
        # A job that ended while it was being killed has ended as it was to be killed for.
        elif (chosen := child.condemned[ticket]) is not None:
            self._events.ended(task, replace(chosen, log=ending.log))
        else:
            task.log = ending.log
            self._events.stopped(task)

    def _let_leave(self, child: Child, resident: int) -> None:
        """A job has ended: see whether the child has done enough."""
        if child.leaving:
            self._dismiss(child)
        elif resident:
            self._retire(child)
            held = f"{resident / (1 << 20):.0f} MiB"
            _log.info("child %d is replaced with %s in use, over its max_memory_per_child", child.pid, held)
        elif 0 < self._max_jobs <= child.given and len(child.tasks) < self._threads:
            self._retire(child)
            _log.info("child %d is replaced after %d jobs, its max_jobs_per_child", child.pid, child.given)

    def _retire(self, child: Child) -> None:
        """Give a child nothing more, and let it end when its jobs have."""
        child.leaving = True
        self._take_back_from(child)
        self._plan_successor(child)
        self._dismiss(child)

    def _dismiss(self, child: Child) -> None:
        if not child.tasks and not child.condemned:
            child.dismiss()
            child.kill_at = time.monotonic() + _EXIT_GRACE_S

    # --- the end of a child -----------------------------------------------------------------------------------------

    def _bury(self, child: Child) -> None:
        """A child has died: reap it, say how its jobs ended, start another."""
        with self._lock:
            for task in child.running():  # before its tasks are seen to be gone: who waits for that wants the log
                task.log = child.log_of(task)
            self._children.remove(child)
            self._dying = child
        self._switchboard.disconnect(child)
        how = child.end()
        begun = child.running()
        self._forwarder.put(child.pid, child.printed.read_last(), begun)
        self._forwarder.put(child.pid, b"", begun)
        with self._lock:
            child.close()
            self._dying = None
            self._waiting.extendleft(reversed([t for t in child.unbegun() if t.ticket not in child.condemned]))
            self._replace(child, how, begun)
            self._feed()
        for task in begun:
            self._ended_by_death(child, task, how)

    def _ended_by_death(self, child: Child, task: Task, how: str) -> None:
        if not child.condemned:
            self._events.ended(task, Died(how, child.log_of(task)))
        elif task.ticket not in child.condemned:
            self._events.interrupted(task)
        elif (ending := child.condemned[task.ticket]) is not None:
            self._events.ended(task, replace(ending, log=child.log_of(task)))
        else:
            self._events.stopped(task)

    def _replace(self, child: Child, how: str, begun: list[Task]) -> None:
        expected = child.condemned or (child.leaving and not begun)
        if not expected:
            self._meters.child_deaths += 1
            _log.warning("child %d: %s", child.pid, how, extra=about(begun[0]) if len(begun) == 1 else {})
        if child.succeeded:
            return
        if child.condemned or child.leaving:
            self._respawn.later(time.monotonic())
        elif not self._respawn.died(time.monotonic(), ready=child.ready, done=child.done):
            self._give_up(ApplicationError(f"the app {self._app!r} cannot be loaded: {how}, before it was ready"))

    def _give_up(self, error: ApplicationError) -> None:
        """Start no more children; those that run go on, until the pool is stopped."""
        self._respawn.give_up()
        self._events.failed(error)

    def _end_all(self) -> None:
        # Out of sight before their pipes are closed: whoever asks for what has not begun would read from those, or
        # from whatever has their numbers by then.
        with self._lock:
            children = list(self._children)
            self._children.clear()
        for child in children:
            if child.tasks or not child.ready:
                child.kill()
            child.dismiss()
        deadline = time.monotonic() + _EXIT_GRACE_S
        while time.monotonic() < deadline and not all(child.has_exited() for child in children):
            time.sleep(_SHORT_TICK_S)
        for child in children:
            child.end()
            self._forwarder.put(child.pid, child.printed.read_last(), [])
            child.close()

    # --- with the lock held -----------------------------------------------------------------------------------------

    def _stop(self, child: Child) -> None:
        """End a child, whatever it does."""
        child.leaving = True
        if child.kill_at is None:
            child.kill_at = time.monotonic() + self._term_grace_s
            child.terminate()
        self._take_back_from(child)
        self._plan_successor(child)
        self._feed()
        self._switchboard.ring()

    def _plan_successor(self, child: Child) -> None:
        """Start another in place of a child that ends, unless there are twice as many as asked for already."""
        ending = sum(1 for other in self._children if other.succeeded)
        if not child.succeeded and ending < self._processes:
            child.succeeded = True
            self._respawn.later(time.monotonic())

    def _room(self, child: Child) -> int:
        """How many tasks more a child may hold."""
        if not child.usable:
            return 0
        room = self._threads + self._pace.ahead - len(child.tasks)
        return min(room, self._max_jobs - child.given) if self._max_jobs else room

    def _feed(self) -> None:
        """Give what waits to the children with the fewest tasks."""
        if not self._waiting:
            return
        chosen: dict[int, tuple[Child, list[Task]]] = {}
        free = {id(child): (child, self._room(child)) for child in self._children}
        while self._waiting and free:
            child, room = max(free.values(), key=lambda each: each[1])
            if room <= 0:
                break
            free[id(child)] = (child, room - 1)
            chosen.setdefault(id(child), (child, []))[1].append(self._waiting.popleft())
        for child, tasks in chosen.values():
            child.give(tasks)
            self._switchboard.write(child)

    def _take_back_from(self, child: Child) -> None:
        taken = child.take_back()
        self._waiting.extendleft(reversed(taken))
        self._switchboard.write(child)


def _good(ending: Answered | TooLarge) -> bool:
    return isinstance(ending, Answered) and meaning(ending.response.status) is Meaning.SUCCEEDED
