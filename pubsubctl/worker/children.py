"""The life and death of children: started, looked after, killed, buried and replaced.

A child that is to end has its successor started at once: an application that will not end keeps no slot. So for a while
there may be twice as many children as asked for, never more.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from pubsubctl.errors import ApplicationError
from pubsubctl.worker import reports
from pubsubctl.worker.events import Events
from pubsubctl.worker.hearing import EXIT_GRACE_S, Hearing
from pubsubctl.worker.leash import Leash
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.outcome import Died
from pubsubctl.worker.output import Forwarder, Output, about
from pubsubctl.worker.process import Child
from pubsubctl.worker.respawn import Respawn
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_TICK_S = 0.05
_SHORT_TICK_S = 0.005
_IDLE_TICK_S = 1.0
"""What is given to an idle child wakes nobody here, and a child that is stuck says nothing."""
_SPAWN_AGAIN_S = 5.0


class Children:
    """Keeps ``processes`` children alive, in a thread of its own; whoever iterates over them holds the lock.

    Args:
        app: the application, as ``application.load`` finds it.
        events: told what happens.
        lock: guards the children and their tasks; reentrant.
        processes: how many children there are.
        threads: how many jobs each of them runs at once.
        meters: counts their deaths.
        max_memory: how many bytes of memory in use a child is to tell of when a job ends; 0: it never does.
        payloads: how it keeps large bodies apart, see ``child``; None: it does not.
        output: where what they print goes.
        stuck_s: how long a child may take to begin a job while it runs none.
        term_grace_s: how long one that is stopped has between SIGTERM and SIGKILL.
        on_room: tasks may be given to children again. Called with the lock held.
        on_look: a child's tasks are to be looked at, at a time by ``time.monotonic``. Called with the lock held.
        on_stuck: a child that begins nothing is about to be killed, at a time. Called with the lock held.
        on_report: a child has said something of its tasks. Called without the lock.
        on_death: a child is dead, and what it has not begun is others'. Called with the lock held.

    Attributes:
        dying: the child that has died while what it started has not.
    """

    def __init__(
        self,
        app: str,
        events: Events,
        *,
        lock: threading.RLock,
        processes: int,
        threads: int,
        meters: Meters,
        max_memory: int,
        payloads: str | None,
        output: Output,
        stuck_s: float,
        term_grace_s: float,
        on_room: Callable[[], None],
        on_look: Callable[[Child, float], None],
        on_stuck: Callable[[Child, float], None],
        on_report: Callable[[Child, reports.Report], None],
        on_silence: Callable[[], None],
        on_death: Callable[[Child], None],
    ) -> None:
        self._app = app
        self._events = events
        self._lock = lock
        self._processes = processes
        self._threads = threads
        self._meters = meters
        self._max_memory = max_memory
        self._payloads = payloads
        self._forwarder = Forwarder(output)
        self._marks = output.marked
        self._stuck_s = stuck_s
        self._term_grace_s = term_grace_s
        self._on_room = on_room
        self._on_look = on_look
        self._on_stuck = on_stuck
        self._on_report = on_report
        self._on_death = on_death
        self._leash = Leash()
        self._alive: list[Child] = []
        self.dying: Child | None = None
        self._respawn = Respawn(processes)
        self._looked_at = time.monotonic()
        self._stopping = False
        self._hearing = Hearing(lock, self._forwarder, on_report=self._heard, on_silence=on_silence)
        self._switchboard = self._hearing.switchboard
        self._thread = threading.Thread(target=self._loop, name="pool", daemon=True)

    def __iter__(self) -> Iterator[Child]:
        return iter(self._alive)

    def __len__(self) -> int:
        return len(self._alive)

    def start(self) -> None:
        """Start them."""
        self._forwarder.start()
        self._thread.start()

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

    # --- for whoever holds the lock -----------------------------------------------------------------------------------

    def send(self, child: Child) -> None:
        """Send a child what can be sent now, and the rest when it has read on."""
        self._switchboard.write(child)

    def ring(self) -> None:
        """Have them looked after now."""
        self._switchboard.ring()

    def terminate(self, child: Child) -> None:
        """Make a child end: ask it now, kill it in a moment."""
        if child.kill_at is None:
            child.kill_at = time.monotonic() + self._term_grace_s
            child.terminate()

    def dismiss(self, child: Child) -> None:
        """Let a child end that is to, once it has nothing to run."""
        if not child.tasks and not child.condemned:
            child.dismiss()
            child.kill_at = time.monotonic() + EXIT_GRACE_S

    def plan_successor(self, child: Child) -> None:
        """Start another in place of a child that ends, unless there are twice as many as asked for already."""
        ending = sum(1 for other in self._alive if other.succeeded)
        if not child.succeeded and ending < self._processes:
            child.succeeded = True
            self._respawn.later(time.monotonic())

    def proved(self) -> None:
        """A child has ended a job: the application runs."""
        self._respawn.proved()

    def resume(self) -> None:
        """Start what is missing beside those that end, as the application may be another."""
        self._respawn.resume(self._processes - sum(1 for child in self._alive if not child.succeeded))

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._stopping:
            self._spawn_due()
            self._switchboard.wait(self._pause())
            self._look_after()
        self._end_all()  # by this thread, as the kernel kills them when it ends

    def _pause(self) -> float:
        with self._lock:
            if any(child.cut_off for child in self._alive):
                return _SHORT_TICK_S
            if any(child.kill_at or child.tasks or child.printed.muted for child in self._alive):
                return _TICK_S
            start = self._respawn.next_start
            return _IDLE_TICK_S if start is None else min(_IDLE_TICK_S, max(0.0, start - time.monotonic()))

    def _look_after(self) -> None:
        """Kill what did not go by itself, notice what has, have tasks looked at."""
        now = time.monotonic()
        self._allow_for_standing_still(now)
        for child in list(self._alive):
            if child.has_exited():
                # Its end may show in no other way: what the application started may hold the socket open.
                self._hearing.read(child)
                self._bury(child)
            elif self._is_stuck(child, now):
                self._hearing.read(child)  # it may have begun while it was us who stood still
                self._give_up_on(child, now)
        with self._lock:
            for child in self._alive:
                self._look_at(child, now)
            self._on_room()

    def _look_at(self, child: Child, now: float) -> None:
        if child.kill_at is not None and now >= child.kill_at:
            self._kill_now(child)
        if child.printed.muted and not self._forwarder.full:
            self._switchboard.unmute(child)
        self._on_look(child, now)

    def _allow_for_standing_still(self, now: float) -> None:
        """Nobody is stuck because this process was stopped, or the machine slept: its children may have, too."""
        stood_still_s = now - self._looked_at - _IDLE_TICK_S
        self._looked_at = now
        if stood_still_s > _IDLE_TICK_S:
            for child in self._alive:
                child.moved_at += stood_still_s

    def _is_stuck(self, child: Child, now: float) -> bool:
        """Whether it begins no job, as a thread that one left behind holds the GIL: no job's timeout would end that."""
        with self._lock:
            waits = bool(child.tasks) and not (child.running() or child.cut_off)
            return waits and now - child.moved_at > self._stuck_s

    def _give_up_on(self, child: Child, now: float) -> None:
        with self._lock:
            if self._is_stuck(child, now):
                child.fault = f"it was killed, since it had begun no job for {self._stuck_s:g} s"
                self._on_stuck(child, now)
                self._hearing.cut_off(child, grace_s=0.0)

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
                    self._app,
                    mark,
                    threads=self._threads,
                    max_memory=self._max_memory,
                    payloads=self._payloads,
                    marks=self._marks,
                )
            except OSError as error:
                _log.error("no child can be started now: %s; trying again in %g s", error, _SPAWN_AGAIN_S)
                self._respawn.later(time.monotonic() + _SPAWN_AGAIN_S)
                return
            with self._lock:
                self._alive.append(child)
            self._switchboard.connect(child)
            self._leash.hold()

    # --- what a child says of itself ----------------------------------------------------------------------------------

    def _heard(self, child: Child, report: reports.Report) -> None:
        match report:
            case reports.Ready():
                self._loaded(child)
            case reports.Unloadable(error):
                if not child.leaving:
                    self._give_up(ApplicationError(error))
            case _:
                self._on_report(child, report)

    def _loaded(self, child: Child) -> None:
        with self._lock:
            child.ready = True
            self._on_room()
        if not child.leaving:
            self._events.loaded()

    # --- the end of a child -------------------------------------------------------------------------------------------

    def _bury(self, child: Child) -> None:
        """A child has died: reap it, say how its jobs ended, start another."""
        with self._lock:
            self._alive.remove(child)
            self.dying = child
        self._switchboard.disconnect(child)
        how = child.end()
        begun = child.running()
        self._forwarder.put(child.pid, child.printed.read_last(), begun)
        self._forwarder.put(child.pid, b"", begun)
        with self._lock:
            child.close()
            for task in begun:  # before they are seen to be gone: who waits for that wants the log
                task.log = child.log_of(task)
            self.dying = None
            self._on_death(child)
            self._replace(child, how, begun)
            self._on_room()
        for task in begun:
            self._ended_by_death(child, task, how)

    def _ended_by_death(self, child: Child, task: Task, how: str) -> None:
        if not child.condemned:
            self._events.ended([(task, Died(how, child.log_of(task)))])
        elif task.ticket not in child.condemned:
            self._events.interrupted(task)
        elif (ending := child.condemned[task.ticket]) is not None:
            self._events.ended([(task, replace(ending, log=child.log_of(task)))])
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
            children = list(self._alive)
            self._alive.clear()
        for child in children:
            if child.tasks or not child.ready:
                child.kill()
            child.dismiss()
        deadline = time.monotonic() + EXIT_GRACE_S
        while time.monotonic() < deadline and not all(child.has_exited() for child in children):
            time.sleep(_SHORT_TICK_S)
        for child in children:
            child.end()
            self._forwarder.put(child.pid, child.printed.read_last(), [])
            self._forwarder.put(child.pid, b"", [])
            child.close()
