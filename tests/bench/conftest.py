"""``scripts/bench``, as people run it and as modules."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

BENCH = Path(__file__).parents[2] / "scripts" / "bench"
sys.path.append(str(BENCH))


@pytest.fixture
def needed(lack: Callable[[str, str], NoReturn]) -> Callable[[str], str]:
    """The name of a contestant, if what it needs is installed."""
    from racing.line_up import CONTESTANTS, lacks

    def check(name: str) -> str:
        missing = lacks(CONTESTANTS[name])
        if missing:
            lack("peers", f"{name} cannot run here: {missing}")
        return name

    return check
