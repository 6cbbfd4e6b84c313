"""What a purge has deleted, or would delete."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pubsubctl.job import FINISHED, JobState
from pubsubctl.render.figures import plural, seconds, size
from pubsubctl.render.output import Format, document, line


@dataclass(frozen=True)
class Purge:
    """A purge.

    Attributes:
        age_s: how long ago the jobs had ended at least.
        counts: how many there were, by state.
        done: whether they were deleted; not so where that is only tried out.
        bytes_before: of the store before; None where that is nobody's concern.
        bytes_after: and afterwards.
        bytes_free: of those, what is free for the jobs that come.
    """

    age_s: float
    counts: Mapping[JobState, int]
    done: bool
    bytes_before: int | None = None
    bytes_after: int | None = None
    bytes_free: int | None = None

    @property
    def total(self) -> int:
        """How many jobs."""
        return sum(self.counts.values())

    def document(self) -> dict[str, Any]:
        """As JSON shows it; these names are stable."""
        return {
            "older_than_s": self.age_s,
            "purged": self.done,
            "jobs": self.total,
            "counts": {str(state): self.counts.get(state, 0) for state in JobState if state in FINISHED},
            "store_bytes": {"before": self.bytes_before, "after": self.bytes_after, "free": self.bytes_free},
        }

    def line(self) -> str:
        """As text."""
        states = ", ".join(f"{number:,} {state}" for state, number in self.counts.items() if number)
        what = f"{plural(self.total, 'job')} {'' if self.done else 'would be '}purged"
        told = f"{what}, of those that ended {seconds(self.age_s)} ago or before"
        return f"{told}: {states}" if states else told

    def room(self) -> str | None:
        """What the disk got back."""
        before, after = self.bytes_before, self.bytes_after
        if before is None or after is None or after >= before:
            return None
        return f"the file had {size(before)}, and has {size(after)}"


def show(purge: Purge, form: Format) -> None:
    """Show it on stdout."""
    if form is not Format.TEXT:
        document(purge.document(), form)
        return
    line(purge.line())
    if (room := purge.room()) is not None:
        line(room)
