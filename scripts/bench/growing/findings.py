"""What was found, curve by curve and store by store; as JSON, and back."""

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True)
class Found:
    """The figures of one point."""

    at: float
    label: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """A curve as it was measured on one store; ``cold`` is one of a single point."""

    name: str
    title: str
    along: str
    store: str
    points: list[Found] = field(default_factory=list)

    def ratio(self, figure: str) -> float:
        """How many times the last point's is the first one's."""
        return self.points[-1].values[figure] / max(self.points[0].values[figure], 1e-9)


@dataclass(frozen=True)
class Findings:
    """All curves, and on what they were measured."""

    about: str
    versions: str
    curves: list[Measured] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return asdict(self)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> "Findings":
        """What was saved."""
        curves = [
            Measured(**{**curve, "points": [Found(**each) for each in curve["points"]]}) for curve in told["curves"]
        ]
        return cls(told["about"], told["versions"], curves)

    def updated(self, later: "Findings") -> "Findings":
        """With the curves of a later run instead of its own, where both have one of a store."""
        order = {(curve.store, curve.name): curve for curve in self.curves}
        order |= {(curve.store, curve.name): curve for curve in later.curves}
        return Findings(self.about, self.versions, list(order.values()))


def here(sort: str) -> Findings:
    """None yet, on this machine."""
    about = f"the whole path with the embedded broker, on {os.cpu_count()} CPUs; {sort}"
    packages = (f"{name} {version(name)}" for name in ("pubsubctl", "flask", "google-cloud-pubsub"))
    return Findings(about, ", ".join([f"Python {platform.python_version()}", *packages]))
