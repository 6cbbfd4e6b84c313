"""Waiting for what other processes and threads do."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

PATIENCE_S = 20.0


def eventually(condition: Callable[[], T], what: str, *, within_s: float = PATIENCE_S) -> T:
    """Wait until ``condition`` is truthy and return it; fail after a bound."""
    give_up = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > give_up:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(0.01)
    return value
