"""Dead letters that were deleted."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Purged:
    """One of them.

    Attributes:
        reason: why it had been given up.
        gone: whether it is; not so where that is only tried out.
    """

    job_id: str
    reason: str
    gone: bool

    def document(self) -> dict[str, Any]:
        """As JSON shows it; these names are stable."""
        return {"id": self.job_id, "reason": self.reason, "purged": self.gone}

    def line(self) -> str:
        """As text."""
        return f"{self.job_id} {'purged' if self.gone else 'would be purged'} ({self.reason})"
