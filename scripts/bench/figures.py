"""Figures of a benchmark, and what was measured of them: medians over the rounds, and ratios within each."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


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

    def times_better(self, ours: float, theirs: float) -> float | None:
        """How many times ``ours`` is better than ``theirs``; None where one was too little to be measured."""
        if not (ours and theirs):
            return None
        return theirs / ours if self.less_is_better else ours / theirs


@dataclass
class Results:
    """What was measured, by who it was measured of and by figure, a value for each round; and what is to be said of it.

    Attributes:
        known: the figures that there may be, in order.
        ours: who the others are compared with.
    """

    known: Sequence[Figure]
    ours: str
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, found: dict[str, float]) -> None:
        """Add the figures of one round of one of them."""
        for name, value in found.items():
            self.values.setdefault(kind, {}).setdefault(name, []).append(value)

    def median(self, kind: str, figure: Figure) -> float | None:
        """The median over the rounds; None if it was not measured."""
        measured = self.values.get(kind, {}).get(figure.name)
        return statistics.median(measured) if measured else None

    def ratio(self, kind: str, figure: Figure) -> float | None:
        """How many times ours is better than another: the median over the rounds' ratios."""
        ours = self.values.get(self.ours, {}).get(figure.name, [])
        theirs = self.values.get(kind, {}).get(figure.name, [])
        ratios = [figure.times_better(*pair) for pair in zip(ours, theirs, strict=False)]
        known = [ratio for ratio in ratios if ratio is not None]
        return statistics.median(known) if known else None

    def figures(self) -> list[Figure]:
        """Those that were measured, of anybody."""
        return [figure for figure in self.known if any(figure.name in of for of in self.values.values())]

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
            "times_better_than": {kind: self.ratio(kind, figure) for kind in measured if kind != self.ours},
            "rounds": measured,
        }


def number(value: float | None, digits: int) -> str:
    """A value as it stands in a table; nothing where it was not measured."""
    return "" if value is None else f"{value:,.{digits}f}"
