"""The figures of the emulators' benchmark: what each is, its budget, its medians, and the table of them."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from brokers import EMBEDDED, GCLOUD, JAR

KINDS = (EMBEDDED, JAR, GCLOUD)


@dataclass(frozen=True)
class Figure:
    """One figure; ``budget`` is the least, or, where less is better, the most that it should be."""

    name: str
    title: str
    unit: str
    budget: float | None = None
    less_is_better: bool = False
    digits: int = 0

    def meets(self, value: float) -> bool:
        """Whether ``value`` is within the budget."""
        assert self.budget is not None
        return value <= self.budget if self.less_is_better else value >= self.budget

    def times_better(self, ours: float, theirs: float) -> float:
        """How many times ``ours`` is better than ``theirs``."""
        return theirs / ours if self.less_is_better else ours / theirs


FIGURES = (
    Figure("first-rpc", "start to first RPC", "s", 0.7, less_is_better=True, digits=2),
    Figure("idle-rss", "RSS idle", "MiB", 90, less_is_better=True),
    Figure("latency-p50", "one-way latency, p50", "ms", 3, less_is_better=True, digits=2),
    Figure("latency-p99", "one-way latency, p99", "ms", less_is_better=True, digits=2),
    Figure("publish", "publish, client", "messages/s", 18_000),
    Figure("pull", "stream pull + ack, client", "messages/s"),
    Figure("pull-direct", "stream pull + ack, client, direct scheduler", "messages/s", 15_000),
    Figure("bare-publish", "publish, bare stub, 1,000 a request", "messages/s", 60_000),
    Figure("bare-pull", "stream pull, 4 bare streams", "messages/s", 60_000),
    Figure("waiting-rss", "RSS with messages of 1 KB waiting", "MiB", 300, less_is_better=True),
    Figure("waiting-peak", "peak RSS while they were published", "MiB", 300, less_is_better=True),
    Figure("restart", "restart with them after kill -9, to first RPC", "s", 3, less_is_better=True, digits=2),
    Figure("restart-pull", "the same, to first message", "s", 3, less_is_better=True, digits=2),
    Figure("restart-rss", "RSS after the restart", "MiB", 300, less_is_better=True),
    Figure("drain", "pull + ack of them, 4 bare streams", "messages/s"),
    Figure("drained-rss", "RSS afterwards", "MiB", 300, less_is_better=True),
)


@dataclass
class Results:
    """What was measured, by emulator and figure, a value for each round; and what is to be said about it."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, found: dict[str, float]) -> None:
        """Add the figures of one round of one emulator."""
        for name, value in found.items():
            self.values.setdefault(kind, {}).setdefault(name, []).append(value)

    def median(self, kind: str, figure: Figure) -> float | None:
        """The median over the rounds; None if it was not measured."""
        measured = self.values.get(kind, {}).get(figure.name)
        return statistics.median(measured) if measured else None

    def ratio(self, kind: str, figure: Figure) -> float | None:
        """How many times the embedded emulator is better than another: the median over the rounds' ratios."""
        ours = self.values.get(EMBEDDED, {}).get(figure.name, [])
        theirs = self.values.get(kind, {}).get(figure.name, [])
        ratios = [figure.times_better(*pair) for pair in zip(ours, theirs, strict=False)]
        return statistics.median(ratios) if ratios else None

    def figures(self) -> list[Figure]:
        """Those that were measured."""
        return [figure for figure in FIGURES if self.median(EMBEDDED, figure) is not None]

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {"figures": [self._described(figure) for figure in self.figures()], "notes": self.notes}

    def _described(self, figure: Figure) -> dict[str, Any]:
        measured = {kind: values[figure.name] for kind, values in self.values.items() if figure.name in values}
        return {
            "name": figure.name,
            "title": figure.title,
            "unit": figure.unit,
            "budget": figure.budget,
            "less_is_better": figure.less_is_better,
            "medians": {kind: self.median(kind, figure) for kind in measured},
            "times_better_than": {kind: self.ratio(kind, figure) for kind in measured if kind != EMBEDDED},
            "rounds": measured,
        }


def table(results: Results) -> str:
    """The medians side by side, how many times better the embedded emulator is, and its budgets."""
    lines = [_line("median", "", *KINDS, "times better", "budget")]
    lines += [_row(figure, results) for figure in results.figures()]
    return "\n".join([*lines, "", *results.notes])


def _row(figure: Figure, results: Results) -> str:
    medians = [results.median(kind, figure) for kind in KINDS]
    ratios = [_number(results.ratio(kind, figure), 1) for kind in (JAR, GCLOUD)]
    return _line(
        figure.title,
        figure.unit,
        *(_number(value, figure.digits) for value in medians),
        " / ".join(filter(None, ratios)),
        _budget(figure, medians[0]),
    )


def _budget(figure: Figure, value: float | None) -> str:
    if figure.budget is None or value is None:
        return ""
    return f"{figure.budget:,g} {'met' if figure.meets(value) else 'MISSED'}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _line(title: str, unit: str, *cells: str) -> str:
    return f"{title:<46}{unit:<11}" + "".join(f"{cell:>15}" for cell in cells)
