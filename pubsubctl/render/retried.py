"""Jobs that were asked to run once more."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Retried:
    """One of them.

    Attributes:
        state_before: what it was.
        queued: whether it is queued again; not so where that is only tried out.
    """

    job_id: str
    state_before: str
    queued: bool

    def document(self) -> dict[str, Any]:
        """As JSON shows it; these names are stable."""
        return {"id": self.job_id, "retried": self.queued, "state_before": self.state_before}

    def line(self) -> str:
        """As text."""
        if self.queued:
            return f"{self.job_id} queued again (it was {self.state_before})"
        return f"{self.job_id} would be queued again (it is {self.state_before})"
