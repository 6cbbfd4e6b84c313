"""Dead letters: a line each, and one in full. They may be many, so nothing is held to find out how wide they are."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size

from pubsubctl.exchange import Request
from pubsubctl.job import Job
from pubsubctl.render.drawing import columns_and_rows, is_terminal
from pubsubctl.render.figures import plural, seconds, size
from pubsubctl.render.output import Format, clean, commands, document, line, note, streamed
from pubsubctl.render.plain import why
from pubsubctl.render.secrets import masked, redacted

_HEADS = ("id", "reason", "attempts", "age", "request", "error")
_WIDTHS = (28, 16, 8, 11, 32, 0)
_WIDE, _IN_FIRST = 120, 4
"""On a narrower terminal the columns but those first ones go to a line of their own."""
_CUT = "…"
_PREVIEW_LINES, _PREVIEW_CHARACTERS = 20, 2000


@dataclass(frozen=True)
class Letter:
    """A dead letter in full.

    Attributes:
        request: what it was asked to run; of a message that is no job, its attributes and data.
        log: the last of what the application printed and logged.
        replay: how to try it again, or why that cannot be.
        now: the time by the store's clock.
    """

    job: Job
    request: Request | None
    log: str
    replay: str
    now: float


def listed(jobs: Iterable[Job], now: float, form: Format, cursor: Callable[[], str | None]) -> None:
    """A line each, on stdout.

    Args:
        jobs: the dead letters.
        now: the time by the store's clock.
        form: how.
        cursor: asked at the end for where the next ones begin.
    """
    if form is Format.JSON:
        streamed({}, "dead_letters", (job.document() for job in jobs), lambda: {"next_cursor": cursor()})
        return
    count = 0
    for count, job in enumerate(jobs, 1):
        if form is Format.JSONL:
            document(job.document(), form)
        else:
            _row(job, now, first=count == 1)
    if form is Format.TEXT and not count:
        note("no dead letters")
    if (following := cursor()) is not None:
        note("there are more:")
        commands(f"--cursor {following}")


def _row(job: Job, now: float, *, first: bool) -> None:
    width = columns_and_rows(sys.stdout)[0] if is_terminal(sys.stdout) else None
    if first and width is not None:
        _fitted(_HEADS, width)
    age = seconds(now - job.created_at)
    request = f"{job.method} {job.path}".strip()
    _fitted((job.id, job.reason or "", f"{job.attempt:>8}", f"{age:>11}", request, why(job)), width)


def _fitted(cells: Sequence[str], width: int | None) -> None:
    """A line of columns; on a terminal two where it is narrow, none of them wider than it is."""
    parts = [_cell(clean(cell), room, cut=width is not None) for cell, room in zip(cells, _WIDTHS, strict=True)]
    narrow = width is not None and width < _WIDE
    for shown in (parts[:_IN_FIRST], ["", *parts[_IN_FIRST:]]) if narrow else (parts,):
        text = "  ".join(shown).rstrip()
        line(text if width is None or cell_len(text) <= width else set_cell_size(text, width - 1) + _CUT)


def _cell(text: str, width: int, *, cut: bool) -> str:
    """The first column is never cut: it has the ids that people copy."""
    room = width - cell_len(text)
    if room >= 0 or not width:
        return text + " " * room
    return set_cell_size(text, width - 1) + _CUT if cut and width != _WIDTHS[0] else text


def show(letter: Letter, form: Format) -> None:
    """One in full, on stdout."""
    if form is not Format.TEXT:
        document(content(letter), form)
        return
    for text in _lines(letter):
        line(text)


def content(letter: Letter) -> dict[str, Any]:
    """As JSON shows it: the job, and what it is made of. Credentials are masked."""
    request = letter.request
    return letter.job.document() | {
        "request": None
        if request is None
        else {
            "method": request.method,
            "path": request.path,
            "headers": [list(header) for header in masked(request.headers)],
            "body_bytes": request.size,
            "body_preview": _text(request.body) if request.payload is None else None,
            "payload_key": request.payload.key if request.payload is not None else None,
        },
        "log": redacted(letter.log),
        "replay": letter.replay,
    }


def _lines(letter: Letter) -> Iterator[str]:
    job, request = letter.job, letter.request
    ended = "" if job.finished_at is None else f", {seconds(letter.now - job.finished_at)} ago"
    yield f"job {job.id} {job.state}: {job.reason}, {plural(job.attempt, 'attempt')}{ended}"
    yield why(job)
    if request is not None:
        yield ""
        yield from _request(request)
    if letter.log:
        yield ""
        yield "the last of its log:"
        yield from (f"  {clean(text)}" for text in redacted(letter.log).splitlines())
    yield ""
    yield letter.replay


def _request(request: Request) -> Iterator[str]:
    yield f"{request.method} {request.path}" if request.method else "a message that is no job, with these attributes:"
    for name, value in masked(request.headers):
        yield f"{name}: {value}"
    if request.payload is not None:
        yield f"body: {size(request.size)}, in the payload place as {request.payload.key}"
    if not request.body:
        return
    preview = _text(request.body)
    yield f"body: {size(len(request.body))}" + ("" if preview is not None else ", binary")
    if preview is not None:
        shown = preview.splitlines()[:_PREVIEW_LINES]
        yield from (f"  {clean(text)}" for text in shown)
        if "\n".join(shown).rstrip() != preview.rstrip() or len(preview) < len(request.body.decode()):
            yield "  ..."


def _text(body: bytes) -> str | None:
    """The beginning of a body that is text."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text[:_PREVIEW_CHARACTERS]
