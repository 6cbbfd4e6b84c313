"""A run as JSON: its figures, who they are of, and on what it was measured."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from figures import Results

from racing import redis_server
from racing.contestant import Contestant
from racing.line_up import OURS
from racing.race import Heat
from racing.table import FIGURES


def saved(results: Results, contestants: Sequence[Contestant], heat: Heat, rounds: int) -> dict[str, Any]:
    """Everything that the picture is made of, and all that was measured."""
    return {
        "heat": asdict(heat),
        "about": _about(contestants, heat, rounds),
        "versions": _versions(contestants),
        "titles": {contestant.name: contestant.title for contestant in contestants},
        **results.as_json(),
    }


def measured(everything: Mapping[str, Any]) -> Results:
    """The results that were saved."""
    results = Results(FIGURES, OURS, notes=everything["notes"])
    for figure in everything["figures"]:
        for name, rounds in figure["rounds"].items():
            results.values.setdefault(name, {})[figure["name"]] = rounds
    return results


def _about(contestants: Sequence[Contestant], heat: Heat, rounds: int) -> str:
    cpus = f"{heat.processes} processes each, on {os.cpu_count()} CPUs"
    said = [cpus, f"median of {rounds} rounds in turn" if rounds > 1 else "one round"]
    if any(contestant.redis for contestant in contestants):
        unless = " unless called durable" if any(not contestant.usual for contestant in contestants) else ""
        said.append(f"Redis at its defaults{unless}, pubsubctl durable")
    return "; ".join(said)


def _versions(contestants: Sequence[Contestant]) -> str:
    names = {"flask"} | {name for contestant in contestants for name in contestant.packages}
    said = [
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in ("pubsubctl", *sorted(names))),
    ]
    if any(contestant.redis for contestant in contestants):
        said.append(f"redis-server {redis_server.version()}")
    return ", ".join(said)
