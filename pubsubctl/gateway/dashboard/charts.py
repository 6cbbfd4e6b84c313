"""Charts as SVG: made here, so that they need no script. Pure.

Colours come from the style sheet, by class, for light and dark. Nothing is told by colour alone: what lies in a stack
has a pattern of its own, points have shapes, and every chart's page has the same numbers as a table.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 440, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 10, 12, 34
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_ROW = 34
_SHORTEST_S = 0.001
_K, _M = 1_000, 1_000_000

_PATTERNS = {
    "plain": "",
    "hatched": '<path class="mark" d="M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2"/>',
    "dotted": '<circle class="mark" cx="3" cy="3" r="1.4"/>',
}


@dataclass(frozen=True)
class Series:
    """Numbers of one kind.

    Attributes:
        name: what they count.
        kind: the class that colours them.
        pattern: ``plain``, ``hatched`` or ``dotted``.
    """

    name: str
    kind: str
    pattern: str
    values: Sequence[int]


@dataclass(frozen=True)
class Times:
    """When each step begins, and when the last one ends."""

    steps: Sequence[str]
    until: str


@dataclass(frozen=True)
class Row:
    """Times of one kind: a name, and points by their names, in seconds."""

    name: str
    points: Sequence[tuple[str, float]]


def stacked(key: str, title: str, times: Times, series: Sequence[Series], unit: str) -> Markup:
    """Bars over time, one kind upon the other.

    Args:
        key: tells the chart apart from others of the page.
        title: what it shows.
        times: of the bars.
        series: what lies in each, the lowest first.
        unit: of the numbers.
    """
    totals = [sum(values) for values in zip(*(one.values for one in series), strict=True)]
    top = nice(max(totals, default=0))
    patterns = [
        Markup('<pattern id="{0}-{1}" width="6" height="6" patternUnits="userSpaceOnUse">').format(key, one.kind)
        + Markup('<rect class="fill {}" width="6" height="6"/>').format(one.kind)
        + Markup(_PATTERNS[one.pattern])  # noqa: S704 - one of ours
        + Markup("</pattern>")
        for one in series
    ]
    width = _PLOT_WIDTH / max(1, len(times.steps))
    bars = [
        _bar(key, step, _column(number, width), [(one, one.values[number]) for one in series], top)
        for number, step in enumerate(times.steps)
    ]
    parts = [Markup("<defs>"), *patterns, Markup("</defs>"), _grid(top, unit), *bars, _times(times, width)]
    return _svg(title, _HEIGHT, parts)


def line(title: str, times: Times, values: Sequence[float | None], kind: str) -> Markup:
    """Shares over time, as points on a line; there is a gap where nothing is known."""
    known = [value for value in values if value is not None]
    top = min(1.0, nice(math.ceil(max(known, default=0.0) * 100)) / 100) or 1.0
    width = _PLOT_WIDTH / max(1, len(times.steps))
    path, points, pen = "", [], "M"
    for number, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x, y = _LEFT + (number + 0.5) * width, _y(value, top)
        path += f"{pen}{x:.1f},{y:.1f} "
        pen = "L"
        points.append(
            Markup('<g class="step"><title>{}: {}</title><circle class="hit" cx="{:.1f}" cy="{:.1f}" r="12"/>').format(
                times.steps[number], f"{value:.1%}", x, y
            )
            + Markup('<circle class="fill {}" cx="{:.1f}" cy="{:.1f}" r="3.5"/></g>').format(kind, x, y)
        )
    drawn = Markup('<path class="line {}" d="{}"/>').format(kind, path.strip()) if path else Markup("")
    return _svg(title, _HEIGHT, [_grid(top * 100, "% failed"), drawn, *points, _times(times, width)])


def ranges(title: str, rows: Sequence[Row]) -> Markup:
    """Times, one row below the other, on a scale on which each step is ten times the one before."""
    known = [max(value, _SHORTEST_S) for row in rows for _, value in row.points]
    low = math.floor(math.log10(min(known, default=_SHORTEST_S)))
    high = max(low + 1, math.ceil(math.log10(max(known, default=1.0)) + 1e-9))
    height = _TOP + _ROW * len(rows) + _BOTTOM
    bottom = height - _BOTTOM

    def x(value: float) -> float:
        return _LEFT + (math.log10(max(value, _SHORTEST_S)) - low) / (high - low) * _PLOT_WIDTH

    every = max(1, math.ceil((high - low) / 5))
    parts = []
    for power in range(low, high + 1, every):
        at = x(10.0**power)
        parts.append(
            Markup('<path class="grid" d="M{0:.1f},{1} V{2}"/>').format(at, _TOP, bottom)
            + Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
                at, bottom + 15, "end" if power == high else "middle", _power(power)
            )
        )
    for number, row in enumerate(rows):
        parts.append(_range_row(row, _TOP + _ROW * (number + 0.5), x))
    parts.append(_axis_name("time (each step is ten times the one before)", height))
    return _svg(title, height, parts)


def legend(series: Sequence[Series], key: str) -> Markup:
    """What the kinds of a stack look like."""
    items = [
        Markup('<li><svg class="key" viewBox="0 0 14 14" aria-hidden="true">')
        + Markup('<rect class="frame {0}" width="14" height="14" fill="url(#{1}-{0})"/></svg>{2}</li>').format(
            one.kind, key, one.name
        )
        for one in series
    ]
    return Markup('<ul class="legend">') + Markup("").join(items) + Markup("</ul>")


def point_legend(names: Sequence[str]) -> Markup:
    """What the points of ``ranges`` look like."""
    items = [
        Markup('<li><svg class="key" viewBox="0 0 14 14" aria-hidden="true">')
        + _shape(number, 7, 7)
        + Markup("</svg>{}</li>").format(name)
        for number, name in enumerate(names)
    ]
    return Markup('<ul class="legend">') + Markup("").join(items) + Markup("</ul>")


def nice(value: float) -> float:
    """The next number up that is one even digit, or 1, with noughts; at least 1. So its half is a whole number too."""
    if value <= 1:
        return 1
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


def _svg(title: str, height: float, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}">').format(_WIDTH, height, title)
    return head + Markup("").join(parts) + Markup("</svg>")


def _y(value: float, top: float) -> float:
    return _TOP + _PLOT_HEIGHT * (1 - value / top)


def _grid(top: float, unit: str) -> Markup:
    parts = []
    for share in (0.0, 0.5, 1.0):
        value, at = top * share, _y(share, 1.0)
        if value != int(value) and top <= 1:
            continue
        parts.append(
            Markup('<path class="grid" d="M{},{:.1f} H{}"/>').format(_LEFT, at, _WIDTH - _RIGHT)
            + Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
                _LEFT - 5, at + 4, _short(value)
            )
        )
    parts.append(
        Markup('<text class="axis" transform="translate(11,{:.1f}) rotate(-90)" text-anchor="middle">{}</text>').format(
            _TOP + _PLOT_HEIGHT / 2, unit
        )
    )
    return Markup("").join(parts)


def _column(number: int, width: float) -> tuple[float, float]:
    """Where a bar is, and how wide."""
    return _LEFT + number * width, width


def _bar(key: str, step: str, at: tuple[float, float], values: Sequence[tuple[Series, int]], top: float) -> Markup:
    left, width = at
    said = ", ".join(f"{value:,} {one.name}" for one, value in values)
    parts = [
        Markup('<g class="step"><title>{}: {}</title>').format(step, said),
        Markup('<rect class="hit" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            left, _TOP, width, _PLOT_HEIGHT
        ),
    ]
    below = 0
    for one, value in values:
        if value:
            low, high = _y(below, top), _y(below + value, top)
            parts.append(
                Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="url(#{}-{})"/>').format(
                    left + width * 0.1, high, width * 0.8, max(1.0, low - high), key, one.kind
                )
            )
            below += value
    return Markup("").join([*parts, Markup("</g>")])


def _times(times: Times, width: float) -> Markup:
    """The beginning, the step in the middle, and the end."""
    if not times.steps:
        return Markup("")
    middle = len(times.steps) // 2
    marks = [(0.0, "start", times.steps[0]), (_PLOT_WIDTH, "end", times.until)]
    if middle:
        marks.insert(1, ((middle + 0.5) * width, "middle", times.steps[middle]))
    parts = [
        Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
            _LEFT + at, _HEIGHT - _BOTTOM + 15, anchor, said
        )
        for at, anchor, said in marks
    ]
    return Markup("").join([*parts, _axis_name("time (UTC)", _HEIGHT)])


def _axis_name(name: str, height: float) -> Markup:
    return Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
        _LEFT + _PLOT_WIDTH / 2, height - 4, name
    )


def _range_row(row: Row, y: float, x: Callable[[float], float]) -> Markup:
    parts = [
        Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(_LEFT - 5, y + 4, row.name)
    ]
    if row.points:
        first, last = x(row.points[0][1]), x(row.points[-1][1])
        parts.append(Markup('<path class="span" d="M{:.1f},{:.1f} H{:.1f}"/>').format(first, y, last))
    for number, (name, value) in enumerate(row.points):
        parts.append(
            Markup('<g class="step"><title>{} {}: {}</title>').format(row.name, name, exact(value))
            + Markup('<circle class="hit" cx="{:.1f}" cy="{:.1f}" r="12"/>').format(x(value), y)
            + _shape(number, x(value), y)
            + Markup("</g>")
        )
    return Markup("").join(parts)


def _shape(number: int, x: float, y: float) -> Markup:
    """A circle, a square, a diamond."""
    if number == 0:
        return Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="4.5"/>').format(x, y)
    turned = f'transform="rotate(45 {x:.1f} {y:.1f})"' if number > 1 else ""
    square = Markup('<rect class="point" x="{:.1f}" y="{:.1f}" width="8" height="8" {}/>')
    return square.format(x - 4, y - 4, Markup(turned))  # noqa: S704 - numbers alone


def exact(value_s: float) -> str:
    """A measured time, with three digits that say something."""
    if value_s < 1:
        return f"{value_s * _K:.3g} ms"
    return f"{value_s:.3g} s" if value_s < _K else f"{value_s:,.0f} s"


def _power(power: int) -> str:
    return f"{10 ** (power + 3):,} ms" if power < 0 else f"{10**power:,} s"


def _short(value: float) -> str:
    if value >= _M:
        return f"{value / _M:g}M"
    return f"{value / _K:g}k" if value >= _K else f"{value:g}"
