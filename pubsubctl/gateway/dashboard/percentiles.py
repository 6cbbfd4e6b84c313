"""Percentiles of times, and shares over a while. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = (50, 90, 99)


@dataclass(frozen=True)
class Spread:
    """What is known of some times, in seconds; None where there are none."""

    count: int
    p50: float | None
    p90: float | None
    p99: float | None

    @property
    def values(self) -> list[tuple[str, float]]:
        """By name, those that are known."""
        named = (("p50", self.p50), ("p90", self.p90), ("p99", self.p99))
        return [(name, value) for name, value in named if value is not None]


def spread(times_s: Sequence[float]) -> Spread:
    """The median, and what nine of ten and ninety-nine of a hundred stay below."""
    ordered = sorted(times_s)
    return Spread(len(ordered), *(_rank(ordered, percent) for percent in SHOWN))


def shares(parts: Sequence[int], wholes: Sequence[int], together: int) -> list[float | None]:
    """What share of the wholes the parts are, of so many steps together each; None where there is nothing."""
    found: list[float | None] = []
    for start in range(0, len(wholes), together):
        whole = sum(wholes[start : start + together])
        found.append(sum(parts[start : start + together]) / whole if whole else None)
    return found


def _rank(ordered: Sequence[float], percent: int) -> float | None:
    """The nearest rank: a time that there was, not one between two."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else None
