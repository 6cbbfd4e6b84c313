"""Where ``subscriptions seek`` goes to."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pubsubctl.broker.naming import Kind, path
from pubsubctl.cli.times import moment
from pubsubctl.errors import UsageError

if TYPE_CHECKING:
    from pubsubctl.broker.subscriptions import Subscriptions


@dataclass(frozen=True)
class Goal:
    """A time, or a snapshot by its full name."""

    target: datetime | str

    def seek(self, subscriptions: "Subscriptions", path: str) -> None:
        """Let a subscription go there."""
        if isinstance(self.target, str):
            subscriptions.seek_to_snapshot(path, self.target)
        else:
            subscriptions.seek_to_time(path, self.target)

    @property
    def said(self) -> str:
        """In words."""
        return self.target if isinstance(self.target, str) else _rfc3339(self.target)

    @property
    def document(self) -> dict[str, str]:
        """As JSON shows it, which is as gcloud does."""
        return {"snapshotId" if isinstance(self.target, str) else "time": self.said}


def goal(time: str | None, snapshot: str | None, project: str) -> Goal:
    """What the options say.

    Raises:
        UsageError: not exactly one of them is given, or it cannot be used.
    """
    if (time is None) == (snapshot is None):
        raise UsageError("say where to go: either --time or --snapshot")
    if snapshot is not None:
        return Goal(path(Kind.SNAPSHOT, snapshot, project))
    try:
        return Goal(moment(time or "", datetime.now(UTC)))
    except ValueError as error:
        raise UsageError(f"--time {error}, not {time!r}") from error


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
