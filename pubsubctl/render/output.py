"""Where text goes: data to stdout, progress and notes to stderr. Cheap to import."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol


class Format(StrEnum):
    """How a command shows what it found."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


def clean(text: object) -> str:
    """Text that came from elsewhere, on one line and without anything that a terminal would act on."""
    return "".join(
        character if character.isprintable() else " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"
        for character in str(text)
    )


def line(text: str = "") -> None:
    """A line of data, as text."""
    sys.stdout.write(f"{clean(text)}\n")


def script(lines: Iterable[str]) -> None:
    """Lines for another program, each as it is."""
    for text in lines:
        sys.stdout.write(f"{text}\n")


def document(content: Any, form: Format = Format.JSON) -> None:
    """A piece of data as JSON: over several lines, or for ``jsonl`` on one."""
    sys.stdout.write(json.dumps(content, indent=2 if form is Format.JSON else None) + "\n")
    if form is Format.JSONL:
        sys.stdout.flush()  # a line is read as it comes


class Shown(Protocol):
    """One of many things that are shown alike."""

    def document(self) -> dict[str, Any]:
        """As JSON shows it; these names are stable."""

    def line(self) -> str:
        """As text."""


def each(found: Iterable[Shown], form: Format) -> None:
    """A line each, or a JSON list, as they come."""
    if form is Format.JSON:
        array(one.document() for one in found)
        return
    for one in found:
        if form is Format.TEXT:
            line(one.line())
        else:
            document(one.document(), form)


def streamed(
    head: Mapping[str, Any], name: str, items: Iterable[Any], tail: Callable[[], Mapping[str, Any]] = dict
) -> None:
    """One JSON object with a list too long to be held, and what is known only behind it."""
    told = json.dumps(head)[1:-1]
    sys.stdout.write("{" + (f"{told}, " if told else "") + f'"{name}": ')
    try:
        array(items, end="\n]")
    finally:
        rest = json.dumps(tail())[1:-1]
        sys.stdout.write((f", {rest}" if rest else "") + "}\n")


def array(items: Iterable[Any], *, end: str = "\n]\n") -> None:
    """A JSON list too long to be held."""
    sys.stdout.write("[")
    separator = "\n  "
    try:
        for item in items:
            sys.stdout.write(separator + json.dumps(item))
            separator = ",\n  "
    finally:
        sys.stdout.write(end)


def raw(content: bytes) -> None:
    """Data as it is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def flush() -> None:
    """Let whoever reads see what was written."""
    sys.stdout.flush()


def commands(*hints: str) -> None:
    """Commands to be copied, beside the data: each on a line of its own, where no terminal breaks it in two."""
    for hint in hints:
        note(f"  {hint}")


def note(text: str) -> None:
    """A line for people, beside the data."""
    sys.stderr.write(f"{clean(text)}\n")
    sys.stderr.flush()
