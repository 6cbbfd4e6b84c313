"""Waiting for a condition, with a bound."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 10.0


def eventually(condition: Callable[[], T], *, within_s: float = PATIENCE_S) -> T:
    """The condition's value as soon as it is truthy, or what it is when the time is over."""
    give_up = time.monotonic() + within_s
    while not (value := condition()) and time.monotonic() < give_up:
        time.sleep(0.01)
    return value
