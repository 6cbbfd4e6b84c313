"""One job: live, in full, and in a line."""

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from pubsubctl.job import Job, JobState
from pubsubctl.render.bar import bar_with_percent
from pubsubctl.render.drawing import grid, printed, state, text
from pubsubctl.render.figures import percent, seconds, size
from pubsubctl.render.output import Format, document
from pubsubctl.render.plain import why

_BAR = 30


@dataclass(frozen=True)
class JobView:
    """A job as it is now.

    Attributes:
        now: the time by the store's clock.
        notices: what keeps it from going on, a line each.
    """

    job: Job
    now: float
    notices: tuple[str, ...] = ()

    def frame(self, width: int, rows: int) -> RenderableType:  # noqa: ARG002 - it is never high
        """See ``View``."""
        job = self.job
        head = grid(flexible=1, columns=4, expand=False)
        attempt = f"attempt {job.attempt}" if job.attempt else ""
        head.add_row(state(job.state), text(f"{job.method} {job.path}"), text(attempt), text(self._elapsed()))
        parts: list[RenderableType] = [head, self._progress(width)]
        if job.state is JobState.RETRYING:
            parts.append(text(self._retry(), "yellow"))
        parts += [text(notice, "yellow") for notice in self.notices]
        return Group(*parts)

    def line(self) -> str:
        """See ``View``."""
        job = self.job
        told = f", {percent(job.progress_fraction)}" if job.progress_fraction is not None else ""
        noted = f", {job.progress_note}" if job.progress_note else ""
        now = f"{job.id} {job.state}, attempt {job.attempt}{told}{noted}, {self._elapsed()}"
        return "; ".join((now, *self.notices))

    def urgent(self) -> str:
        """See ``View``."""
        return f"{self.job.state} {self.job.attempt} {self.notices}"

    def _progress(self, width: int) -> Table:
        table = grid(flexible=1, columns=2, expand=True)
        told = self.job.state is JobState.RUNNING
        fraction = self.job.progress_fraction if told else None
        table.add_row(
            bar_with_percent(fraction, min(_BAR, width // 3)), text(self.job.progress_note or "" if told else "", "dim")
        )
        return table

    def _elapsed(self) -> str:
        return seconds((self.job.finished_at or self.now) - self.job.created_at)

    def _retry(self) -> str:
        due = seconds((self.job.not_before or self.now) - self.now)
        return f"the next attempt is due in {due}; the last one: {why(self.job)}"


def show(job: Job, form: Format) -> None:
    """The job in full, on stdout."""
    if form is Format.TEXT:
        printed(full(job))
    else:
        document(in_full(job), form)


def in_full(job: Job) -> dict[str, Any]:
    """The job as JSON shows it alone: with what says nothing in most lists."""
    return job.document() | {"crashes": job.crashes, "timeout_s": job.timeout_s}


def full(job: Job) -> Table:
    """Every field that says something, one a line."""
    content = in_full(job)
    content["crashes"] = content["crashes"] or None
    progress = content.pop("progress")
    told = "" if progress["fraction"] is None else percent(progress["fraction"])
    content["progress"] = f"{told} {progress['note'] or ''}".strip()
    if content["result_bytes"] is not None:
        content["result_bytes"] = f"{content['result_bytes']} ({size(content['result_bytes'])})"
    table = grid(flexible=1, columns=2, expand=False)
    for name, value in content.items():
        if value not in (None, ""):
            table.add_row(text(name, "dim"), state(value) if name == "state" else text(value))
    return table
