"""Lines painted over and over in the same place of a terminal.

Only what has changed is written, over what was there, in one write: nothing is blanked first, so nothing flickers.
The cursor stays visible, below the lines: there is nothing to put back, however the process ends.
"""

import re
from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len

from pubsubctl.render.drawing import columns_and_rows

_UP = "\x1b[{}A"
_ERASE_LINE = "\x1b[K"
_ERASE_BELOW = "\x1b[J"
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Painter:
    """Paints on one terminal; nobody else may write to it between two calls."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._width = 0

    def paint(self, lines: Sequence[str]) -> None:
        """Show ``lines``, each narrower than the terminal, in place of the last ones."""
        width, rows = columns_and_rows(self._stream)
        shown = list(lines[: max(1, rows - 1)])
        known = self._lines if width == self._width else []
        out = [self._to_the_top(width)]
        for number, line in enumerate(shown):
            same = number < len(known) and known[number] == line
            out.append("\n" if same else f"\r{line}{_ERASE_LINE}\n")
        if len(shown) < len(self._lines) or not known:
            out.append(_ERASE_BELOW)
        if shown != known:
            self._write("".join(out))
        self._lines, self._width = shown, width

    def clear(self) -> None:
        """Take the lines away."""
        if self._lines:
            self._write(self._to_the_top(columns_and_rows(self._stream)[0]) + _ERASE_BELOW)
            self._lines = []

    def leave(self) -> None:
        """Let the lines stand; what is painted next is painted below them."""
        self._lines = []

    def _to_the_top(self, width: int) -> str:
        # A terminal that has become narrower has broken the longer lines in two.
        above = sum(max(1, -(-cell_len(_STYLE.sub("", line)) // width)) for line in self._lines)
        return f"\r{_UP.format(above)}" if above else "\r"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
