"""Bars that tell a share, and may be read without colours."""

import sys

from rich.text import Text

from pubsubctl.render.figures import percent

_DONE, _LEFT = "━", "─"
_PLAIN_DONE, _PLAIN_LEFT = "#", "-"


def bar(fraction: float, width: int) -> Text:
    """A bar of ``width`` cells, full only when all is done."""
    full, empty = (_DONE, _LEFT) if _can_draw() else (_PLAIN_DONE, _PLAIN_LEFT)
    done = int(min(1.0, max(0.0, fraction)) * width)
    return Text.assemble((full * done, "green"), (empty * (width - done), "dim"), no_wrap=True)


def bar_with_percent(fraction: float | None, width: int) -> Text:
    """The same with its number; nothing where nobody has told a fraction."""
    if fraction is None:
        return Text("")
    return Text.assemble(bar(fraction, width), f" {percent(fraction):>4}", no_wrap=True)


def _can_draw() -> bool:
    try:
        (_DONE + _LEFT).encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
