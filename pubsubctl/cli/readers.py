"""From what was typed after a flag to what it means."""

from collections.abc import Callable
from typing import Any, TypeVar

from pubsubctl.errors import UsageError

T = TypeVar("T")


def option(name: str) -> str:
    """A flag as it is typed."""
    return "--" + name.replace("_", "-")


def parsed(name: str, value: Any, read: Callable[[Any], T]) -> T:
    """What a flag's value means.

    Raises:
        UsageError: it is not what ``read`` takes.
    """
    try:
        return read(value)
    except ValueError as error:
        shown = ",".join(value) if isinstance(value, list) else value
        raise UsageError(f"{option(name)} {error}, not {shown!r}") from error


def duration(least: str = "0s", most: str = "") -> Callable[[str], str]:
    """A reader of durations, between two that are given in the same notation."""

    def read(text: str) -> str:
        from pubsubctl.cli.times import seconds  # not before there is something to read: --help does without

        found = seconds(text)
        if found < seconds(least) or (most and found > seconds(most)):
            raise ValueError(f"must be {least} to {most}" if most else f"must be {least} or more")
        return f"{found}s"

    return read


def whole_seconds(least: int, most: int) -> Callable[[str], int]:
    """A reader of durations for a field that is a number of seconds."""

    def read(text: str) -> int:
        from pubsubctl.cli.times import seconds

        found = seconds(text)
        if not least <= found <= most:
            raise ValueError(f"must be {least} to {most} seconds")
        return found

    return read
