"""A picture of the curves: small multiples, three in a row, on light and on dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from svg import page, rect, text

from growing import panels
from growing.findings import Findings, Measured
from growing.panels import Bar, Curve, Frame, bars, lines
from growing.parts import CPU, PARTS, RSS
from growing.table import BUDGET

_LEFT, _GAP, _IN_A_ROW = 24, 20, 3
_WIDTH = 2 * _LEFT + _IN_A_ROW * panels.WIDTH + (_IN_A_ROW - 1) * _GAP
_HEAD, _FOOT = 118, 44
_KINDS = {"client": "client", "parent": "worker's parent", "children": "its children", "emulator": "emulator"}
_HEADS = {
    "slots": ("Slots", "jobs that do nothing"),
    "body": ("Size", "KB of the request, and of the response"),
    "waiting": ("Jobs waiting", "and drained at once"),
    "sleeping": ("Slots, jobs that sleep for 5 ms", "jobs a second; dashed: slots times one slot"),
    "memory": ("Memory", "peak MiB, by jobs in one run"),
    "asking": ("pubsubctl status", "seconds, by jobs in the store"),
}
_COLD = {"help": "--help", "status": "status", "submit": "submit --wait"}
_CUT = 2.5
_LIGHT = """
  .small { font-size: 11px }
  .tick { font-size: 12px }
  .value { font-size: 12px; font-weight: 600 }
  .grid { stroke: #eaeef2 }
  .line { fill: none !important; stroke-width: 2 }
  .tear { stroke: #ffffff; stroke-width: 3 }
  .client { fill: #0969da }
  .parent { fill: #bc4c00 }
  .children { fill: #1a7f37 }
  .emulator { fill: #8250df }
  .plain { fill: #59636e }
  .line.plain { stroke: #59636e }
  .line.client { stroke: #0969da }
  .line.parent { stroke: #bc4c00 }
  .line.children { stroke: #1a7f37 }
  .line.emulator { stroke: #8250df }
"""
_DARK = """
    .grid { stroke: #21262d }
    .tear { stroke: #0d1117 }
    .client { fill: #4493f8 }
    .parent { fill: #db6d28 }
    .children { fill: #3fb950 }
    .emulator { fill: #a371f7 }
    .plain { fill: #9198a1 }
    .line.plain { stroke: #9198a1 }
    .line.client { stroke: #4493f8 }
    .line.parent { stroke: #db6d28 }
    .line.children { stroke: #3fb950 }
    .line.emulator { stroke: #a371f7 }
"""


def draw(found: Findings) -> str:
    """The picture of what ``growth.py`` found; each store has rows of its own."""
    drawn: list[str] = [
        text(_LEFT, 36, "How the cost of a job grows", "title"),
        text(_LEFT, 58, found.about, "quiet"),
        *_legend(84),
    ]
    y = float(_HEAD)
    for store, curves in groupby(found.curves, lambda curve: curve.store):
        block = {curve.name: curve for curve in curves}
        shown = [block[name] for name in _HEADS if name in block]
        drawn.append(text(_LEFT, y, store, "head quiet"))
        for number, curve in enumerate(shown):
            column, row = number % _IN_A_ROW, number // _IN_A_ROW
            x = _LEFT + column * (panels.WIDTH + _GAP)
            drawn += _panel(curve, Frame(x, y + 8 + row * panels.HEIGHT, *_HEADS[curve.name]))
        y += 8 + -(-len(shown) // _IN_A_ROW) * panels.HEIGHT
        if "cold" in block:
            drawn.append(text(_LEFT, y, _cold(block["cold"]), "quiet"))
            y += 10
    height = y + _FOOT
    drawn.append(text(_LEFT, height - 20, found.versions, "quiet"))
    return page(_WIDTH, height, _told(found), drawn, light=_LIGHT, dark=_DARK)


def _legend(y: float) -> Iterator[str]:
    yield text(_LEFT, y, "CPU time of a job in μs, by part:", "quiet")
    x = _LEFT + 206.0
    for part, name in _KINDS.items():
        yield rect(part, x, y - 9, 10, 10)
        yield text(x + 16, y, name, "quiet")
        x += 32 + 6.6 * len(name)
    yield text(_WIDTH - _LEFT, y, "below each bar: jobs a second", "quiet", anchor="end")


def _panel(curve: Measured, frame: Frame) -> Iterator[str]:
    if curve.name == "memory":
        named = [Curve(part, part, _values(curve, RSS + part)) for part in PARTS]
        return lines(frame, [point.at for point in curve.points], named)
    if curve.name == "asking":
        status = Curve("plain", "status", _values(curve, "status"))
        limit = Curve("limit", "budget", [BUDGET["status"]])
        return lines(frame, [point.at for point in curve.points], [status], limit=limit, digits=2)
    if curve.name == "sleeping":
        return _rates(curve, frame)
    return _stacked(curve, frame)


def _stacked(curve: Measured, frame: Frame) -> Iterator[str]:
    columns = [
        Bar(panels.short(point.at), _rate(point.values), {part: point.values[CPU + part] for part in PARTS})
        for point in curve.points
    ]
    longest = max(column.length for column in columns)
    most = min(longest, _CUT * columns[-1].length) if curve.name == "waiting" else longest
    return bars(frame, columns, most=most)


def _rates(curve: Measured, frame: Frame) -> Iterator[str]:
    first = curve.points[0]
    ideal = [first.values["rate"] * point.at / first.at for point in curve.points]
    columns = [
        Bar(panels.short(point.at), "", {"plain": point.values["rate"]}, should)
        for point, should in zip(curve.points, ideal, strict=True)
    ]
    return bars(frame, columns, most=max(*ideal, *(column.length for column in columns)))


def _rate(values: Mapping[str, float]) -> str:
    return f"{values['rate']:,.0f}"


def _values(curve: Measured, figure: str) -> Sequence[float]:
    return [point.values[figure] for point in curve.points]


def _cold(curve: Measured) -> str:
    values = curve.points[0].values
    each = (f"{shown} {values[name]:.2f} s" for name, shown in _COLD.items())
    return f"Cold commands: pubsubctl {', '.join(each)}"


def _told(found: Findings) -> str:
    """The same in words, for those who do not see it."""
    ends = (
        f"{curve.title}: {_rate(point.values)} jobs/s at {point.label}"
        for curve in found.curves
        for point in (curve.points[0], curve.points[-1])
        if "rate" in point.values
    )
    return "; ".join(ends)
