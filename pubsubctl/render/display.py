"""A display that follows something: painted again and again on a terminal, a line now and then elsewhere."""

import time
from typing import Protocol, Self, TextIO

from rich.console import RenderableType

from pubsubctl.render.drawing import columns_and_rows, drawn, is_terminal
from pubsubctl.render.output import clean
from pubsubctl.render.painter import Painter

FRAME_S = 0.1
_LINE_S = 10.0
_FIRST_LINE_S = 1.0
"""What has ended by then needs no line."""


class View(Protocol):
    """What something looks like now."""

    def frame(self, width: int, rows: int) -> RenderableType:
        """For a terminal of that size."""

    def line(self) -> str:
        """In a line, where nothing can be painted."""

    def urgent(self) -> str:
        """What a line should not wait for: it is written as soon as this changes."""


class Display:
    """Shows views on one stream; use it with ``with``, which lets the last one stand.

    Args:
        stream: where to.
        quiet: whether to show nothing, because something else is written to the same place.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self.live = is_terminal(stream) and not quiet
        self._painter = Painter(stream)
        self._shown_at = self._written_at = float("-inf")
        self._began = time.monotonic()
        self._last = ("", "")

    @property
    def due(self) -> bool:
        """Whether it is time for the next view."""
        return time.monotonic() - self._shown_at >= FRAME_S

    def show(self, view: View) -> None:
        """Show it."""
        self._shown_at = time.monotonic()
        if self.live:
            width, rows = columns_and_rows(self._stream)
            # One column is left free: on the last one terminals differ in where the cursor goes.
            self._painter.paint(drawn(view.frame(width - 1, rows - 1), self._stream, width - 1))
        elif not self._quiet:
            self._write(view)

    def _write(self, view: View) -> None:
        if self._shown_at - self._began < _FIRST_LINE_S:
            return
        urgent, line = view.urgent(), view.line()
        if urgent != self._last[0] or (line != self._last[1] and self._shown_at - self._written_at >= _LINE_S):
            self._written_at = self._shown_at
            self._last = (urgent, line)
            self._stream.write(f"{clean(line)}\n")
            self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays, above what is painted."""
        self.clear()
        self._stream.write(f"{clean(text)}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Take a painted view away."""
        if self.live:
            self._painter.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self._painter.leave()
