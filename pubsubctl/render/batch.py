"""Many jobs: their counts, how fast they end, what runs, what failed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pubsubctl.job import FINISHED, Job, JobState
from pubsubctl.render.bar import bar_with_percent
from pubsubctl.render.drawing import STATE_STYLES, grid, printed, state, text
from pubsubctl.render.figures import plural, rate, seconds
from pubsubctl.render.plain import why

_FIXED_ROWS = 6
_BAR, _SMALL_BAR = 60, 10
_LISTED = 50
_ALWAYS = (JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED)


@dataclass(frozen=True)
class BatchView:
    """The jobs of one submit as they are now.

    Attributes:
        submitted: how many there are, so far.
        submitting: whether there will be more.
        counts: how many are in each state.
        elapsed_s: seconds since the submit began; None for whoever came later.
        per_second: how many end in a second; None while nobody can tell.
        running: some of those that run, the longest running first.
        room: how many lines to keep for them, so that nothing below jumps.
        failures: the first that failed or were cancelled.
        now: the time by the store's clock.
        notices: what keeps them from going on, a line each.
        slots: how many jobs can run at once, on all workers that live; None where nobody knows.
    """

    batch_id: str
    submitted: int
    submitting: bool
    counts: Mapping[JobState, int]
    elapsed_s: float | None
    per_second: float | None
    running: Sequence[Job]
    room: int
    failures: Sequence[Job]
    now: float
    notices: tuple[str, ...] = ()
    slots: int | None = None

    @property
    def ended(self) -> int:
        """How many have ended."""
        return sum(self.counts[state] for state in FINISHED)

    @property
    def done(self) -> bool:
        """Whether all have."""
        return not self.submitting and self.ended >= self.submitted

    @property
    def unsuccessful(self) -> int:
        """How many have ended otherwise than well."""
        return self.counts[JobState.FAILED] + self.counts[JobState.CANCELLED]

    def frame(self, width: int, rows: int) -> RenderableType:
        """See ``View``."""
        parts: list[RenderableType] = [self._head(), bar_with_percent(self._share(), min(_BAR, width - 6))]
        parts.append(self._counted())
        parts += [text(notice, "yellow") for notice in self.notices]
        left = max(0, rows - _FIXED_ROWS)
        failures = self.failures[: left // 2]
        room = min(self.room, left - len(failures))
        if room:
            parts.append(self._running(width, room))
        if failures:
            parts.append(failed(failures))
        return Group(*parts)

    def line(self) -> str:
        """See ``View``."""
        pieces = [f"{self.ended:,} of {self.submitted:,} ended", *self._pace()]
        if self.unsuccessful:
            pieces.insert(1, f"{self.unsuccessful:,} failed or cancelled")
        return "; ".join((f"{self.batch_id}: {', '.join(pieces)}", *self.notices))

    def urgent(self) -> str:
        """See ``View``."""
        return f"{self.notices} {self.submitting}"

    def _share(self) -> float:
        return self.ended / self.submitted if self.submitted else 0.0

    def _head(self) -> Text:
        verb = "submitted" if self.submitting else "ended"
        number = f"{self.submitted:,}" if self.submitting else f"{self.ended:,} of {self.submitted:,}"
        head = text("  ".join([f"{number} {verb}", *self._pace()]), "bold")
        return head.append_text(text(f"  {self.batch_id}", "not bold dim"))

    def _pace(self) -> list[str]:
        pieces = [seconds(self.elapsed_s)] if self.elapsed_s is not None else []
        if self.per_second:
            pieces.append(rate(self.per_second))
            if not self.submitting and not self.done:
                pieces.append(f"ETA {seconds((self.submitted - self.ended) / self.per_second)}")
        return pieces

    def _counted(self) -> Text:
        return counted(at_work(self.counts, self.slots))

    def _running(self, width: int, room: int) -> Table:
        table = grid(flexible=3, columns=4, expand=True, right=(2,))
        for job in self.running[:room]:
            what = text(f"{job.method} {job.path}")
            what.truncate(max(12, width // 3), overflow="ellipsis")
            table.add_row(
                what,
                bar_with_percent(job.progress_fraction, _SMALL_BAR),
                text(seconds(self.now - (job.started_at or self.now))),
                text(job.progress_note or "", "dim"),
            )
        for _ in range(room - len(self.running[:room])):
            table.add_row("", "", "", "")
        return table


def at_work(counts: Mapping[JobState, int], slots: int | None) -> Mapping[JobState, int]:
    """The counts as people mean them: a job that its worker holds for a slot to become free still waits."""
    ahead = 0 if slots is None else max(0, counts[JobState.RUNNING] - slots)
    return {
        **counts,
        JobState.QUEUED: counts[JobState.QUEUED] + ahead,
        JobState.RUNNING: counts[JobState.RUNNING] - ahead,
    }


def counted(counts: Mapping[JobState, int]) -> Text:
    """The counts by state, each in its colour; the unusual ones only when there are any."""
    shown = [
        (f"{name} {counts[name]:,}", STATE_STYLES[name] if counts[name] else "dim")
        for name in JobState
        if counts[name] or name in _ALWAYS
    ]
    pieces = [piece for pair in shown for piece in (pair, "  ")]
    return Text.assemble(*pieces[:-1], no_wrap=True, overflow="ellipsis")


def failed(jobs: Sequence[Job]) -> Table:
    """Jobs that did not succeed, with the reason."""
    table = grid(flexible=2, columns=3, expand=False)
    for job in jobs:
        table.add_row(text(job.id), state(job.state), text(why(job)))
    return table


def content(view: BatchView) -> dict[str, Any]:
    """The batch as JSON shows it, without its jobs."""
    return {
        "batch_id": view.batch_id,
        "counts": {str(name): view.counts[name] for name in JobState},
        "elapsed_s": None if view.elapsed_s is None else round(view.elapsed_s, 3),
    }


def summary(view: BatchView) -> None:
    """What became of them all, on stdout."""
    parts: list[RenderableType] = [text(_title(view))]
    if view.failures:
        parts.append(failed(view.failures))
    parts += _more(view.unsuccessful - len(view.failures), "")
    printed(Group(*parts))


def show(view: BatchView, jobs: Iterable[Job]) -> None:
    """The counts and the first of its jobs, on stdout."""
    listed = list(islice(jobs, _LISTED))
    table = grid(flexible=range(2, 4), columns=4, expand=False)
    for job in listed:
        reason = why(job) if job.finished and job.state is not JobState.SUCCEEDED else ""
        table.add_row(text(job.id), state(job.state), text(f"{job.method} {job.path}"), text(reason))
    rest = _more(view.submitted - len(listed), "; --format jsonl lists them all")
    printed(Group(text(_title(view)), table, *rest))


def _title(view: BatchView) -> str:
    shown = at_work(view.counts, view.slots)
    counts = ", ".join(f"{shown[name]:,} {name}" for name in JobState if shown[name])
    took = f" in {seconds(view.elapsed_s)}" if view.elapsed_s is not None else ""
    return f"{view.batch_id}: {plural(view.submitted, 'job')}{took}: {counts}"


def _more(count: int, how: str) -> list[RenderableType]:
    return [text(f"and {count:,} more{how}", "dim")] if count > 0 else []
