"""How far something that is done to many jobs has come."""

from dataclasses import dataclass

from rich.console import Group, RenderableType

from pubsubctl.render.bar import bar_with_percent
from pubsubctl.render.drawing import text

_BAR = 40


@dataclass(frozen=True)
class Going:
    """So many of so many.

    Attributes:
        doing: what was done to them: ``queued again``.
    """

    doing: str
    count: int
    total: int

    def frame(self, width: int, rows: int) -> RenderableType:  # noqa: ARG002 - it is never high
        """See ``View``."""
        share = min(1.0, self.count / self.total) if self.total else 1.0
        return Group(text(self.line()), bar_with_percent(share, min(_BAR, width - 6)))

    def line(self) -> str:
        """See ``View``."""
        return f"{self.count:,} of {self.total:,} jobs {self.doing}"

    def urgent(self) -> str:
        """See ``View``."""
        return ""
