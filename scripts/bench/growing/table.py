"""The figures of the curves, and a table of each."""

from collections.abc import Iterator

from figures import Figure, number

from growing.findings import Findings, Found, Measured
from growing.parts import CPU, PARTS, RSS

_PATH = (
    Figure("rate", "jobs/s", "jobs/s"),
    *(Figure(CPU + part, part, "us", less_is_better=True) for part in PARTS),
)
_MEMORY = (
    Figure("rate", "jobs/s", "jobs/s"),
    *(Figure(RSS + part, part, "MiB", less_is_better=True) for part in PARTS),
)
_ASKING = (
    Figure("status", "status", "s", 0.5, less_is_better=True, digits=2),
    Figure("status-json", "as JSON", "s", 0.5, less_is_better=True, digits=2),
    Figure("get", "get", "ms", less_is_better=True, digits=1),
    Figure("ended", "wait's look", "ms", less_is_better=True, digits=1),
    Figure("counts", "counts", "ms", less_is_better=True, digits=1),
    Figure("pending", "pending", "ms", less_is_better=True, digits=1),
    Figure("find", "find", "ms", less_is_better=True, digits=1),
    Figure("find-middle", "in middle", "ms", less_is_better=True, digits=1),
    Figure("find-failed", "failed", "ms", less_is_better=True, digits=1),
    Figure("find-batch", "of a batch", "ms", less_is_better=True, digits=1),
    Figure("counts-batch", "its counts", "ms", less_is_better=True, digits=1),
    Figure("sweep", "sweep", "ms", less_is_better=True, digits=1),
    Figure("add", "add 100", "ms", less_is_better=True, digits=1),
    Figure("claim", "claim 100", "ms", less_is_better=True, digits=1),
    Figure("record", "record 100", "ms", less_is_better=True, digits=1),
    Figure("purge", "purge 100", "ms", less_is_better=True, digits=1),
)
_COLD = (
    Figure("help", "--help", "s", 0.2, less_is_better=True, digits=2),
    Figure("status", "status", "s", 0.5, less_is_better=True, digits=2),
    Figure("submit", "submit --wait", "s", 0.8, less_is_better=True, digits=2),
)
FIGURES = {"memory": _MEMORY, "asking": _ASKING, "cold": _COLD}
BUDGET = {figure.name: figure.budget for figure in (*_COLD, *_ASKING) if figure.budget is not None}
_FIRST, _CELL = 16, 14
_SCALE = {"ms": 1e3}


def figures_of(curve: Measured) -> tuple[Figure, ...]:
    """What is shown of a curve: of those that its run has measured, which may be an older one."""
    known = curve.points[0].values
    return tuple(figure for figure in FIGURES.get(curve.name, _PATH) if figure.name in known)


def shown(figure: Figure, value: float) -> float:
    """A value in the unit of its figure: times are kept in seconds."""
    return value * _SCALE.get(figure.unit, 1)


def table(found: Findings) -> str:
    """Each curve by itself; a budget is held against its last point."""
    blocks = ["\n".join(_block(curve)) for curve in found.curves]
    return "\n\n".join([*blocks, f"{found.about}\n{found.versions}"])


def _block(curve: Measured) -> Iterator[str]:
    figures = figures_of(curve)
    yield f"{curve.title} ({curve.store})"
    yield _line(curve.along, *(figure.title for figure in figures))
    yield _line("", *(figure.unit for figure in figures))
    for point in curve.points:
        yield _line(
            point.label, *(number(shown(figure, point.values[figure.name]), figure.digits) for figure in figures)
        )
    if len(curve.points) > 1:
        yield _line("last / first", *(f"{curve.ratio(figure.name):.2f}x" for figure in figures))
    if any(figure.budget for figure in figures):
        yield _line("budget", *(_judged(figure, curve.points[-1]) for figure in figures))


def _judged(figure: Figure, point: Found) -> str:
    if figure.budget is None:
        return ""
    return f"{figure.budget:g} {'met' if figure.meets(shown(figure, point.values[figure.name])) else 'MISSED'}"


def _line(first: str, *cells: str) -> str:
    return f"{first:<{_FIRST}}" + "".join(f"{cell:>{_CELL}}" for cell in cells)
