"""All that happened to a job, in the order that it did, with what it waits for now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pubsubctl.job import Job, JobState, rfc3339
from pubsubctl.render.drawing import STATE_STYLES, printed
from pubsubctl.render.figures import seconds
from pubsubctl.render.output import Format, clean, document
from pubsubctl.render.plain import why
from pubsubctl.render.secrets import redacted
from pubsubctl.render.story import Entry, sentence, terms

_TAIL = 20
"""Lines of a log that are shown unless all are asked for."""
_LINE = 400
"""Characters of each, likewise."""

_CLOCK = len("00:00:00.000")
_STYLES = {
    "lost": "red",
    "late": "yellow",
    "refused": "dim",
    "returned": "red",
    "cancelled": STATE_STYLES["cancelled"],
    "retried": "cyan",
}


@dataclass(frozen=True)
class Timeline:
    """A job's story.

    Attributes:
        entries: what happened, oldest first.
        outlook: what it waits for now, a line each; nothing of a job that has ended.
    """

    job: Job
    entries: Sequence[Entry]
    outlook: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON shows it; these names are stable."""
        return {
            "job": self.job.document(),
            "events": [self._entry_document(entry) for entry in self.entries],
            "waits_for": list(self.outlook),
        }

    def _entry_document(self, entry: Entry) -> dict[str, Any]:
        return {
            "at": rfc3339(entry.at),
            "offset_s": round(entry.at - self.job.created_at, 3),
            "kind": str(entry.kind),
            "attempt": entry.attempt,
            "worker": entry.worker,
            "message_id": entry.message_id,
            "text": entry.text,
            "log": redacted(entry.log) if entry.log else None,
        }


def show(timeline: Timeline, form: Format, *, logs: bool | None = None) -> None:
    """Show it on stdout.

    Args:
        timeline: the story.
        form: how.
        logs: as text, whether to show the logs of all attempts, or none; None is the end of the last one's.
    """
    if form is not Format.TEXT:
        document(timeline.document(), form)
        return
    printed(whole(timeline, logs=logs))


def whole(timeline: Timeline, *, logs: bool | None = None) -> RenderableType:
    """All of it, to be drawn as wide as there is room; see ``show``."""
    parts: list[RenderableType] = [*_head(timeline.job), Text("")]
    parts += _story(timeline, logs)
    if timeline.outlook:
        parts += [Text(""), *(_wrapped(line, "yellow") for line in timeline.outlook)]
    return Group(*parts)


def _head(job: Job) -> Iterator[Text]:
    state = _wrapped(f"job {job.id} {job.state}", STATE_STYLES[job.state])
    if job.state is JobState.FAILED:
        state.append(clean(f": {why(job)}"), "default")
    yield state
    if request := f"{job.method} {job.path}".strip():
        yield _wrapped(request)
    if said := ", ".join(terms(job)):
        yield _wrapped(said, "dim")


def _story(timeline: Timeline, logs: bool | None) -> Iterator[RenderableType]:
    offsets = [f"+{seconds(entry.at - timeline.job.created_at)}" for entry in timeline.entries]
    width = max(map(len, offsets), default=0)
    table = _columns(width)
    day, shown_log = "", _last_log(timeline.entries)
    began: dict[int, float] = {}
    for entry, offset in zip(timeline.entries, offsets, strict=True):
        if entry.kind == "began":
            began[entry.attempt] = entry.at
        at = datetime.fromtimestamp(entry.at, UTC)
        if at.strftime("%Y-%m-%d") != day:
            day = at.strftime("%Y-%m-%d")
            table.add_row(Text(day, "dim"), Text("UTC", "dim"), "")
        clock = Text(at.isoformat(timespec="milliseconds")[11:23])
        table.add_row(clock, Text(offset, "dim"), _wrapped(sentence(entry, began), _STYLES.get(entry.kind, "")))
        if log := list(_log_lines(entry, logs, last=entry is shown_log)):
            yield from (table, _log(log))
            table = _columns(width)
    yield table


def _columns(width: int) -> Table:
    """Time, offset, what happened; all as wide as in the tables before, which a log has interrupted."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=_CLOCK)
    table.add_column(no_wrap=True, justify="right", min_width=width)
    table.add_column(no_wrap=False, overflow="fold")
    return table


def _log(lines: Sequence[str]) -> Table:
    """What an app has printed, in nearly the whole width: most of it is wide."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=False, overflow="fold")
    for line in lines:
        table.add_row(Text("  |", "dim"), _wrapped(line, "dim"))
    return table


def _last_log(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.log), None)


def _log_lines(entry: Entry, logs: bool | None, *, last: bool) -> Iterator[str]:
    if not entry.log or logs is False or (logs is None and not last):
        return
    lines = redacted(entry.log).splitlines()
    left_out = 0 if logs else max(0, len(lines) - _TAIL)
    if left_out:
        yield f"... {left_out:,} lines before; --logs shows them"
    yield from lines if logs else map(_cut, lines[left_out:])


def _cut(line: str) -> str:
    more = len(line) - _LINE
    return f"{line[:_LINE]}... ({more:,} more characters; --logs shows them)" if more > 0 else line


def _wrapped(content: str, style: str = "") -> Text:
    """Text from anywhere, broken into lines where a terminal has no room for it."""
    return Text(clean(content), style=style, no_wrap=False, overflow="fold")
