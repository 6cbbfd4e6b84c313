"""Who has which task: tasks are given to children, taken back from them, stopped and done.

A slot is a thread of a child. A child is given more jobs than it has slots only while jobs are short (a few
milliseconds' worth), so that it never waits for the next one; when one of them turns out long, what has not begun
is taken back and given to another.

A child that is to end, since a job of its was stopped or since it has run enough of them, is given nothing more.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from pubsubctl.exchange import Meaning, Response, meaning
from pubsubctl.worker import reports
from pubsubctl.worker.children import Children
from pubsubctl.worker.events import Events
from pubsubctl.worker.gears import Tempo
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.outcome import Answered, Ending, TimedOut
from pubsubctl.worker.output import Output, about, write_through
from pubsubctl.worker.pace import Pace
from pubsubctl.worker.process import Child
from pubsubctl.worker.task import Task

_log = logging.getLogger("pubsubctl.worker")

_LONG_S = 0.05
"""A job that has run for so long is not short."""
_MOST_OUTGOING = 1 << 20
"""Bytes that wait to be sent to a child, beyond which it is given nothing ahead."""
_MOST_STUCK = 3
"""Children that may get stuck with a job before it is blamed."""


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
        payloads: how children keep large bodies apart, see ``child``.
        on_dropped: told of an answer that counts for nothing, as its attempt was to be stopped.
        output: where what children print goes; it says whether they mark that.
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
        payloads: str | None = None,
        on_dropped: Callable[[Response], None] = lambda _: None,
        output: Output = write_through,
        stuck_s: float = 10.0,
        term_grace_s: float = 0.5,
    ) -> None:
        self._events = events
        self._processes = processes
        self._threads = threads
        self._max_jobs = max_jobs_per_child
        self._max_memory = max_memory_per_child
        self._on_dropped = on_dropped
        self._lock = threading.RLock()
        self._waiting: deque[Task] = deque()  # claimed, and no child has room: what a dead or slow child gave back
        self._pace = Pace()
        self._over: list[tuple[Task, Ending]] = []  # which the owner is about to be told
        self._children = Children(
            app,
            events,
            lock=self._lock,
            processes=processes,
            threads=threads,
            meters=meters or Meters(),
            max_memory=max_memory_per_child,
            payloads=payloads,
            output=output,
            stuck_s=stuck_s,
            term_grace_s=term_grace_s,
            on_room=self._feed,
            on_look=self._look_at,
            on_stuck=self._take_from_stuck,
            on_report=self._heard,
            on_silence=self._tell,
            on_death=self._inherit,
        )

    def start(self) -> None:
        """Start the children."""
        self._children.start()

    def room(self) -> int:
        """How many more tasks could be given to children right now."""
        with self._lock:
            return sum(self._room(child) for child in self._children) - len(self._waiting)

    def tempo(self) -> Tempo:
        """How jobs go."""
        with self._lock:
            now = time.monotonic()
            ages = [now - (task.began_at or now) for child in self._children for task in child.running()]
        busy = len(ages) >= self._processes * self._threads
        return Tempo(self._pace.mean_s, min(ages) if busy else 0.0)

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
            dying = [] if self._children.dying is None else self._children.dying.running()
            return [*self._waiting, *dying, *(task for child in self._children for task in child.tasks.values())]

    def take_back(self) -> list[Task]:
        """Give up everything that no child has begun."""
        with self._lock:
            for child in self._children:
                self._take_back_from(child)
            return self.take_waiting()

    def take_waiting(self) -> list[Task]:
        """Give up what waits for a child to have room."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def renew(self) -> None:
        """Run what is new in new children, which load the application anew; what runs ends in the old ones."""
        with self._lock:
            for child in self._children:
                if not child.leaving:
                    self._retire(child)
            self._children.resume()
            self._feed()
        self._children.ring()

    def stop(self) -> None:
        """Kill what still runs, let the other children end, close everything."""
        self._children.stop()

    # --- from the children's thread -----------------------------------------------------------------------------------

    def _look_at(self, child: Child, now: float) -> None:
        """Stop what is overdue, take back what waits for long jobs."""
        running = child.running()
        for task in running:
            if task.timeout_s and now - (task.began_at or now) > task.timeout_s and task.ticket not in child.condemned:
                self._time_out(task, task.timeout_s)
        if len(child.tasks) > len(running) and any(now - (task.began_at or now) > _LONG_S for task in running):
            self._pace.slow_down()
            self._take_back_from(child)

    def _time_out(self, task: Task, limit_s: float) -> None:
        _log.warning("job %s ran longer than %g s and is stopped", task.job_id, limit_s, extra=about(task))
        self.kill(task, TimedOut(limit_s))

    def _heard(self, child: Child, report: reports.Report) -> None:
        match report:
            case reports.Ended():
                self._done(child, report)
                if report.following is not None:
                    child.begin(child.tasks[report.following], child.moved_at)
            case reports.Began(ticket):
                child.begin(child.tasks[ticket], time.monotonic())
            case reports.Progressed(ticket, fraction, note):
                if task := child.tasks.get(ticket):
                    task.progress = (fraction, note)

    def _done(self, child: Child, report: reports.Ended) -> None:
        ticket, ending = report.ticket, report.ending
        with self._lock:
            task = child.tasks.pop(ticket)
            child.done += 1
            child.moved_at = time.monotonic()
            self._pace.learn(report.seconds)
            self._children.proved()
            if self._max_jobs or self._max_memory or child.leaving:
                self._let_leave(child, report.resident)
        if not child.condemned or (ticket not in child.condemned and _good(ending)):
            self._over.append((task, ending))
            return
        if isinstance(ending, Answered):
            self._on_dropped(ending.response)
        if ticket not in child.condemned:
            self._events.interrupted(task)  # it may have gone wrong just because the child is made to end
        # A job that ended while it was being killed has ended as it was to be killed for.
        elif (chosen := child.condemned[ticket]) is not None:
            self._over.append((task, replace(chosen, log=ending.log)))
        else:
            task.log = ending.log
            self._events.stopped(task)

    def _tell(self) -> None:
        """All that a child has said for now is heard: tell of all that has ended at once."""
        with self._lock:
            self._feed()
        over, self._over = self._over, []
        if over:
            self._events.ended(over)
        else:
            self._events.room_made()

    def _take_from_stuck(self, child: Child, now: float) -> None:
        """What it has not taken is given to others, unless it was so often: what hangs every child is its own fault.

        What it has taken it has begun, as far as we can know.
        """
        for task in reversed(child.take_back()):
            task.stuck += 1
            if task.stuck < _MOST_STUCK:
                self._waiting.appendleft(task)
            else:
                child.tasks[task.ticket] = task
        for task in child.unbegun():
            child.begin(task, now)

    def _inherit(self, child: Child) -> None:
        """Give what a dead child has not begun to others, before all else."""
        self._waiting.extendleft(reversed([t for t in child.unbegun() if t.ticket not in child.condemned]))

    # --- with the lock held -------------------------------------------------------------------------------------------

    def _let_leave(self, child: Child, resident: int) -> None:
        """A job has ended: see whether the child has done enough."""
        if child.leaving:
            self._children.dismiss(child)
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
        self._children.plan_successor(child)
        self._children.dismiss(child)

    def _stop(self, child: Child) -> None:
        """End a child, whatever it does."""
        child.leaving = True
        self._children.terminate(child)
        self._take_back_from(child)
        self._children.plan_successor(child)
        self._feed()
        self._children.ring()

    def _room(self, child: Child) -> int:
        """How many tasks more a child may hold."""
        if not child.usable:
            return 0
        ahead = self._pace.ahead if len(child.outgoing) < _MOST_OUTGOING else 0
        room = self._threads + ahead - len(child.tasks)
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
            self._children.send(child)

    def _take_back_from(self, child: Child) -> None:
        taken = child.take_back()
        self._waiting.extendleft(reversed(taken))
        self._children.send(child)


def _good(ending: Ending) -> bool:
    return isinstance(ending, Answered) and meaning(ending.response.status) is Meaning.SUCCEEDED
