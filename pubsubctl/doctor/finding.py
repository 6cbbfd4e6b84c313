"""What was found in one place."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters."""

    OK = "ok"
    NOTE = "note"  # jobs go through; somebody may want to know
    WRONG = "wrong"  # jobs do not go through, or may be lost


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        place: what it is about, in a word or two; stable, as JSON has it.
        text: one line.
        remedy: what mends it: a command, or what to do.
        fix: does that, where it is safe: nothing can be lost by it.
    """

    place: str
    level: Level
    text: str
    remedy: str | None = None
    fix: Callable[[], None] | None = None


def ok(place: str, text: str) -> Finding:
    """As it should be."""
    return Finding(place, Level.OK, text)


def note(place: str, text: str, remedy: str | None = None, fix: Callable[[], None] | None = None) -> Finding:
    """Good enough."""
    return Finding(place, Level.NOTE, text, remedy, fix)


def wrong(place: str, text: str, remedy: str | None = None, fix: Callable[[], None] | None = None) -> Finding:
    """Not as it should be."""
    return Finding(place, Level.WRONG, text, remedy, fix)
