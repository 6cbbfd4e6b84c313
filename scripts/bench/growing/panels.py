"""The panels of the picture: stacked bars, bars beside what they should be, lines over a log axis. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from figures import number
from svg import level, rect, rule, text

WIDTH, HEIGHT = 264, 254
"""Of a panel with its head and its legs."""
_TOP, _PLOT = 64, 138
_BOTTOM = _TOP + _PLOT
_GAP = 0.34
_LABELS = 92
_LINE = 14
_LEAST = 1.0


@dataclass(frozen=True)
class Frame:
    """Where a panel is, and what stands above it."""

    x: float
    y: float
    head: str
    hint: str

    def heads(self) -> Iterator[str]:
        """What stands above it, and the ground that it stands on."""
        yield text(self.x, self.y + 14, self.head, "head")
        yield text(self.x, self.y + 31, self.hint, "quiet")

    @property
    def bottom(self) -> float:
        """Of the plot."""
        return self.y + _BOTTOM

    def floor(self, width: float = WIDTH) -> str:
        """The line that bars stand on."""
        return level("axis", self.x, self.x + width, self.bottom)

    def leg(self, x: float, label: str, below: str = "") -> Iterator[str]:
        """What stands below a place."""
        yield text(x, self.bottom + 17, label, "tick", anchor="middle")
        if below:
            yield text(x, self.bottom + 34, below, "quiet small", anchor="middle")


@dataclass(frozen=True)
class Bar:
    """A bar of one or more parts, by the class that colours each; ``should`` is how long it should be."""

    label: str
    below: str
    parts: Mapping[str, float]
    should: float | None = None

    @property
    def length(self) -> float:
        """Of all its parts."""
        return sum(self.parts.values())


def bars(frame: Frame, columns: Sequence[Bar], *, most: float) -> Iterator[str]:
    """Bars side by side; one that is longer than ``most`` is torn, and its number says how long it is."""
    yield from frame.heads()
    step = WIDTH / len(columns)
    wide = min(step * (1 - _GAP), 44)
    for number_, column in enumerate(columns):
        middle = frame.x + step * (number_ + 0.5)
        top = frame.bottom
        shrink = min(1.0, most / max(column.length, 1e-9))
        for kind, value in column.parts.items():
            height = value * shrink / most * _PLOT
            top -= height
            yield rect(kind, middle - wide / 2, top, wide, max(height, 0.0))
        if shrink < 1:
            yield _tear(middle - wide / 2, frame.bottom - _PLOT * 0.88, wide)
        if column.should is not None:
            at = frame.bottom - min(column.should / most, 1.0) * _PLOT
            yield level("limit", middle - wide * 0.7, middle + wide * 0.7, at)
            top = min(top, at)
        yield text(middle, top - 6, number(column.length, 0), "value", anchor="middle")
        yield from frame.leg(middle, column.label, column.below)
    yield frame.floor()


def _tear(x: float, y: float, wide: float) -> str:
    """Two slanting cuts through a bar."""
    cut = f"M{x - 3:.1f} {y + 5:.1f}L{x + wide + 3:.1f} {y - 3:.1f}"
    return f'<path class="tear" d="{cut}"/>'


@dataclass(frozen=True)
class Curve:
    """A line through points, and what it is called at its end."""

    kind: str
    name: str
    values: Sequence[float]


def lines(
    frame: Frame, at: Sequence[float], curves: Sequence[Curve], *, limit: Curve | None = None, digits: int = 0
) -> Iterator[str]:
    """Lines over a log axis, from nought up; ``limit`` is one that they should stay below."""
    yield from frame.heads()
    width = WIDTH - _LABELS
    most = max(value for curve in [*curves, *([limit] if limit else [])] for value in curve.values) * 1.05
    low, high = math.log10(min(at)), math.log10(max(at))
    xs = [frame.x + 14 + (math.log10(each) - low) / (high - low or 1) * (width - 28) for each in at]
    for x, each in zip(xs, at, strict=True):
        yield rule("grid", x, frame.bottom - _PLOT, frame.bottom)
        yield from frame.leg(x, short(each))
    yield frame.floor(width)
    ends: dict[str, float] = {}
    for curve in [*([limit] if limit else []), *curves]:
        ys = [frame.bottom - value / most * _PLOT for value in curve.values]
        ends[curve.name] = ys[-1]
        if curve is limit:
            yield level("limit", frame.x, frame.x + width - 10, ys[0])
            continue
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        yield f'<polyline class="line {curve.kind}" points="{points}"/>'
        yield from (
            f'<circle class="{curve.kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in zip(xs, ys, strict=True)
        )
    places = apart(list(ends.values()), _LINE, frame.bottom)
    for curve, y in zip([*([limit] if limit else []), *curves], places, strict=True):
        label = f"{curve.name} {number(curve.values[-1], digits)}"
        yield text(frame.x + width - 4, y + 4, label, "quiet small" if curve is limit else f"value {curve.kind}")


def apart(wanted: Sequence[float], least: float, bottom: float) -> list[float]:
    """Places near the wanted ones, of which no two are nearer than ``least``, and none is below the bottom."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    placed: dict[int, float] = {}
    floor = bottom
    for index in reversed(order):  # from the lowest up
        placed[index] = min(wanted[index], floor)
        floor = placed[index] - least
    return [placed[index] for index in range(len(wanted))]


def short(count: float) -> str:
    """A number as it stands at an axis."""
    if count >= 1e6:  # noqa: PLR2004
        return f"{count / 1e6:g}M"
    return f"{count / 1e3:g}k" if count >= 1e3 else f"{count:g}"  # noqa: PLR2004
