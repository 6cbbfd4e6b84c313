"""What the owner of a pool is told."""

from collections.abc import Sequence
from typing import Protocol

from pubsubctl.errors import ApplicationError
from pubsubctl.worker.outcome import Ending
from pubsubctl.worker.task import Task


class Events(Protocol):
    """What a pool tells its owner, from the pool's own thread."""

    def loaded(self) -> None:
        """A child has loaded the application."""

    def room_made(self) -> None:
        """A child can take more than it has."""

    def ended(self, endings: Sequence[tuple[Task, Ending]]) -> None:
        """Attempts have ended, in this order; so their children can take more."""

    def interrupted(self, task: Task) -> None:
        """A job was stopped for no fault of its own, or does not begin here at all; it may run elsewhere."""

    def stopped(self, task: Task) -> None:
        """A job that was to end unnoticed has ended; its task has its log."""

    def failed(self, error: ApplicationError) -> None:
        """The application cannot be loaded; the pool starts no more children."""
