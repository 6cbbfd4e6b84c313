"""Rich renderables as lines of text, for a terminal of a certain width or for none."""

import os
import shutil
import sys
from collections.abc import Callable
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pubsubctl.render.output import clean

UNBOUNDED = 10_000
"""The width where nobody looks: nothing is cut."""

STATE_STYLES = {
    "queued": "cyan",
    "running": "blue",
    "retrying": "yellow",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "magenta",
}


def is_terminal(stream: TextIO) -> bool:
    """Whether it is one on which the cursor can be moved."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def columns_and_rows(stream: TextIO) -> tuple[int, int]:
    """The size of a terminal."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except OSError:
        size = shutil.get_terminal_size()
    return (size.columns or 80, size.lines or 24)


def drawn(content: RenderableType, stream: TextIO, width: int) -> list[str]:
    """The lines of ``content``, each at most ``width`` cells wide; with colours where ``stream`` is a terminal."""
    console = Console(
        file=stream,
        width=width,
        force_terminal=is_terminal(stream),
        color_system="standard" if is_terminal(stream) and not os.environ.get("NO_COLOR") else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(content, no_wrap=True, overflow="ellipsis", crop=True)
    lines = [line.rstrip() for line in capture.get().rstrip("\n").split("\n")]
    return [_encodable(line, stream) for line in lines] if is_terminal(stream) else lines


def _encodable(line: str, stream: TextIO) -> str:
    """The line in characters that the stream can encode, each as wide as what it stands for: an escape is wider."""
    encoding = stream.encoding or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_character(one, encoding) for one in line)
    return line


def _character(one: str, encoding: str) -> str:
    try:
        one.encode(encoding)
    except UnicodeEncodeError:
        return "~" if one == "…" else "?" * cell_len(one)
    return one


def printed(content: RenderableType | Callable[[int], RenderableType]) -> None:
    """Show ``content`` on stdout: as wide as the terminal, or uncut where there is none.

    Args:
        content: what to show, or what makes it for a width.
    """
    terminal = is_terminal(sys.stdout)
    width = columns_and_rows(sys.stdout)[0] if terminal else UNBOUNDED
    for row in drawn(content(width) if callable(content) else content, sys.stdout, width):
        sys.stdout.write(row + "\n")


def text(content: object, style: str = "") -> Text:
    """One line of text from anywhere: no markup, no control characters, cut with an ellipsis where room is short."""
    return Text(clean(content), style=style, no_wrap=True, overflow="ellipsis")


def state(name: str) -> Text:
    """A state in its colour."""
    return text(name, STATE_STYLES.get(name, ""))


def grid(*, flexible: int | range, columns: int, expand: bool, right: tuple[int, ...] = ()) -> Table:
    """Columns side by side without lines between them.

    Args:
        flexible: the column that gives way where there is no room for all; of several, the widest first.
        columns: how many there are.
        expand: whether it also takes whatever room is left.
        right: columns of numbers.
    """
    yielding = flexible if isinstance(flexible, range) else range(flexible, flexible + 1)
    table = Table.grid(padding=(0, 2, 0, 0), expand=expand)
    for number in range(columns):
        table.add_column(
            no_wrap=number not in yielding,  # Rich narrows other columns first; the text itself is never wrapped
            overflow="ellipsis",
            ratio=1 if expand and number in yielding else None,
            justify="right" if number in right else "left",
        )
    return table
