"""A picture of a run: an SVG of two columns of bars, throughput and latency, readable on light and on dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from figures import number
from svg import page, rect, rule, text

from racing.table import BARE, P50, RATE

WIDTH = 880
_LEFT, _TOP, _ROW, _BAR = 24, 124, 30, 16
_OURS = "pubsubctl"


@dataclass(frozen=True)
class _Panel:
    """A column of bars: where it begins, how long its longest bar is, and what it shows."""

    x: float
    longest: float
    head: str
    hint: str
    digits: int


_MANY = _Panel(236, 240, "Jobs a second", "many at once, from first submit to last result read", RATE.digits)
_ONE = _Panel(622, 176, "Milliseconds a job", "one after another, p50; less is better", P50.digits)


def draw(saved: Mapping[str, Any]) -> str:
    """The picture of what ``peers.py --json`` printed."""
    medians = {figure["name"]: figure["medians"] for figure in saved["figures"]}
    names = [name for name in medians[RATE.name] if name != BARE]
    bottom = _TOP + len(names) * _ROW
    height = bottom + 72
    lines = [
        text(_LEFT, 36, "Jobs that do nothing: what the job system itself takes", "title"),
        text(_LEFT, 58, saved["about"], "quiet"),
        *(text(_LEFT, _middle(row), saved["titles"][name], _class(name)) for row, name in enumerate(names)),
        *_panel(_MANY, [medians[RATE.name][name] for name in names], names),
        *_panel(_ONE, [medians[P50.name][name] for name in names], names),
        *_limit(medians[RATE.name].get(BARE), max(medians[RATE.name][name] for name in names), bottom),
        text(_LEFT, height - 20, saved["versions"], "quiet"),
    ]
    return page(WIDTH, height, _told(saved, medians, names), lines)


def _panel(panel: _Panel, values: Sequence[float], names: Sequence[str]) -> Iterator[str]:
    yield text(panel.x, _TOP - 32, panel.head, "head")
    yield text(panel.x, _TOP - 15, panel.hint, "quiet")
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        length = max(1.5, value / max(values) * panel.longest)
        top = _TOP + row * _ROW + (_ROW - _BAR) / 2
        yield rect(_class(name) or "bar", panel.x, top, length, _BAR)
        yield text(panel.x + length + 7, _middle(row), number(value, panel.digits), _class(name))
    yield rule("axis", panel.x - 0.5, _TOP, _TOP + len(values) * _ROW)


def _limit(bare: float | None, fastest: float, bottom: float) -> Iterator[str]:
    """What the application does by itself; where that is off the scale, the line is at the end, and says so."""
    if bare is None:
        return
    at = bare / fastest * _MANY.longest
    end = _MANY.longest + 76
    x = _MANY.x + min(at, end)
    yield rule("limit", x, _TOP, bottom + 8)
    off = " (not to scale)" if at > end else ""
    label = f"the Flask app by itself, in one process: {number(bare, 0)}{off}"
    yield text(x, bottom + 21, label, "quiet", anchor="end")


def _told(saved: Mapping[str, Any], medians: Mapping[str, Any], names: Sequence[str]) -> str:
    """The same in words, for those who do not see it."""
    each = (
        f"{saved['titles'][name]} {number(medians[RATE.name][name], 0)} jobs/s, {medians[P50.name][name]:.1f} ms"
        for name in names
    )
    return "; ".join(each)


def _class(name: str) -> str:
    return "ours" if name.startswith(_OURS) else ""


def _middle(row: int) -> float:
    """The baseline of a text that stands in the middle of a row."""
    return _TOP + row * _ROW + _ROW / 2 + 4.5
