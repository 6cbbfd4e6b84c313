"""Everything at a glance: broker, store, backlog, workers, the latest jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from pubsubctl.job import Job, JobState, rfc3339
from pubsubctl.render.bar import bar_with_percent
from pubsubctl.render.batch import at_work, counted
from pubsubctl.render.drawing import grid, printed, state, text
from pubsubctl.render.figures import plural, seconds
from pubsubctl.render.output import Format, document
from pubsubctl.render.plain import why

_FIXED_ROWS = 12
_BAR = 10


@dataclass(frozen=True)
class WorkerRow:
    """A worker, what it runs, and how many messages more it holds."""

    id: str
    host: str
    pid: int
    app: str
    subscription: str
    slots: int
    busy: int
    started_at: float | None
    seen_at: float | None
    alive: bool
    running: Sequence[Job]
    held: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "id": self.id,
            "host": self.host,
            "pid": self.pid,
            "app": self.app,
            "subscription": self.subscription,
            "slots": self.slots,
            "busy": self.busy,
            "held": self.held,
            "started_at": rfc3339(self.started_at),
            "seen_at": rfc3339(self.seen_at),
            "alive": self.alive,
            "jobs": [job.id for job in self.running],
        }


@dataclass(frozen=True)
class Overview:
    """What there is now.

    Attributes:
        address: the broker's, or None where none is known.
        answers: whether something listens there.
        jobs: the latest ones, the newest first.
        now: the time by the store's clock.
        dead_letters: how many there are.
        more_dead_letters: whether they were counted no further than that.
        retrying: some of the jobs that are to be tried again, the next one first.
    """

    broker: str
    address: str | None
    answers: bool
    topic: str
    subscription: str
    store: str
    counts: Mapping[JobState, int]
    workers: Sequence[WorkerRow]
    jobs: Sequence[Job]
    now: float
    dead_letters: int = 0
    more_dead_letters: bool = False
    retrying: Sequence[Job] = ()

    @property
    def backlog(self) -> int:
        """How many jobs wait to be run."""
        return _backlog(self.counts)

    def document(self) -> dict[str, Any]:
        """As JSON shows it; these names are stable."""
        return {
            "broker": {"kind": self.broker, "address": self.address, "running": self.answers},
            "topic": self.topic,
            "subscription": self.subscription,
            "store": self.store,
            "backlog": self.backlog,
            "counts": {str(name): self.counts[name] for name in JobState},
            "workers": [worker.document() for worker in self.workers],
            "jobs": [job.document() for job in self.jobs],
            "dead_letters": {"count": self.dead_letters, "more": self.more_dead_letters},
            "retrying": [job.document() for job in self.retrying],
        }

    def frame(self, width: int, rows: int) -> RenderableType:
        """See ``View``."""
        above = sum(1 + len(worker.running) for worker in self.workers) + (2 + len(self.retrying))
        return self._screen(width, max(1, rows - _FIXED_ROWS - above))

    def whole(self, width: int) -> RenderableType:
        """All of it."""
        return self._screen(width, len(self.jobs))

    def line(self) -> str:
        """See ``View``."""
        shown = self._at_work()
        counts = ", ".join(f"{shown[name]:,} {name}" for name in JobState if shown[name])
        live = sum(worker.alive for worker in self.workers)
        return f"backlog {_backlog(shown):,}; {plural(live, 'worker')}; {counts or 'no jobs'}"

    def urgent(self) -> str:
        """See ``View``."""
        return f"{self.answers} {[worker.id for worker in self.workers if worker.alive]}"

    def _screen(self, width: int, room: int) -> RenderableType:
        parts = [self._places(), counted(self._at_work()), text(""), *self._workers(width)]
        if self.retrying:
            parts += [text(""), text("to be tried again", "dim"), self._due()]
        if self.jobs:
            parts += [text(""), text("latest jobs", "dim"), self._jobs(room)]
        return Group(*parts)

    def _at_work(self) -> Mapping[JobState, int]:
        return at_work(self.counts, sum(worker.slots for worker in self.workers if worker.alive))

    def _places(self) -> Table:
        table = grid(flexible=1, columns=2, expand=False)
        for name, value, style in (
            ("broker", *self._broker()),
            ("topic", self.topic, ""),
            ("subscription", self.subscription, ""),
            ("store", self.store, ""),
            ("backlog", f"{plural(_backlog(self._at_work()), 'job')} waiting", ""),
            *self._given_up(),
        ):
            table.add_row(text(name, "dim"), text(value, style))
        return table

    def _given_up(self) -> list[tuple[str, str, str]]:
        if not self.dead_letters:
            return []
        count = f"{self.dead_letters:,}" + (" or more" if self.more_dead_letters else "")
        return [("dead letters", f"{count}; `pubsubctl dlq list` shows them", "red")]

    def _broker(self) -> tuple[str, str]:
        if self.answers:
            return f"{self.broker} at {self.address}", ""
        where = f"does not answer at {self.address}" if self.address else "is not running"
        flag = "" if self.broker == "embedded" else f" --broker {self.broker}"
        return f"{self.broker} {where}; `pubsubctl emulator start{flag}` starts it", "yellow"

    def _workers(self, width: int) -> list[RenderableType]:
        parts: list[RenderableType] = []
        if not any(worker.alive for worker in self.workers):
            parts.append(text("no worker is running; start one with `pubsubctl worker start APP`", "yellow"))
        for worker in self.workers:
            parts.append(self._worker(worker))
            if worker.running:
                parts.append(self._running(worker.running, width))
        return parts

    def _worker(self, worker: WorkerRow) -> RenderableType:
        seen = seconds(self.now - (worker.seen_at or self.now))
        life = f"{worker.busy} of {plural(worker.slots, 'slot')} busy"
        if worker.held:
            life += f", {worker.held} held"
        if not worker.alive:
            since = datetime.fromtimestamp(worker.seen_at or self.now, UTC).strftime("%H:%M:%S UTC")
            held = f"; it held {plural(len(worker.running), 'job')}" if worker.running else ""
            life = f"no sign of life for {seen} (since {since}){held}"
        table = grid(flexible=1, columns=3, expand=False)
        table.add_row(
            text("worker", "dim"), text(f"{worker.id} ({worker.app})"), text(life, "" if worker.alive else "red")
        )
        return table

    def _running(self, jobs: Sequence[Job], width: int) -> Table:
        table = grid(flexible=5, columns=6, expand=False, right=(3,))
        for job in jobs:
            what = text(f"{job.method} {job.path}")
            what.truncate(max(12, width // 4), overflow="ellipsis")
            elapsed = seconds(self.now - (job.started_at or self.now))
            table.add_row(
                text(f"  {job.id}"),
                what,
                bar_with_percent(job.progress_fraction, _BAR),
                text(elapsed),
                text(f"attempt {job.attempt}" if job.attempt > 1 else "", "yellow"),
                text(job.progress_note or "", "dim"),
            )
        return table

    def _due(self) -> Table:
        table = grid(flexible=3, columns=4, expand=False)
        for job in self.retrying:
            left = (job.not_before or self.now) - self.now
            due = f"due in {seconds(left)}" if left > 0 else "due now"
            what = text(f"{job.method} {job.path}").append(f"  {text(why(job)).plain}", "dim")
            table.add_row(text(job.id), text(f"attempt {job.attempt + 1}"), text(due), what)
        return table

    def _jobs(self, room: int) -> Table:
        table = grid(flexible=3, columns=4, expand=False)
        for job in self.jobs[:room]:
            age = f"{seconds(self.now - job.created_at)} ago"
            what = text(f"{job.method} {job.path}")
            if job.finished and job.state is not JobState.SUCCEEDED:
                what.append(f"  {text(why(job)).plain}", "dim")
            table.add_row(text(job.id), state(job.state), text(age), what)
        return table


def _backlog(counts: Mapping[JobState, int]) -> int:
    return counts[JobState.QUEUED] + counts[JobState.RETRYING]


def show(overview: Overview, form: Format) -> None:
    """Show it on stdout."""
    if form is Format.TEXT:
        printed(overview.whole)
    else:
        document(overview.document(), form)
