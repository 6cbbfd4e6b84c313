"""What was published to one topic. Pure, but for a lock."""

import threading
from dataclasses import dataclass


@dataclass(slots=True)
class Publication:
    """One message of ours.

    Attributes:
        size: of its data.
        started_at: when it was handed to the client, in seconds since 1970.
        doomed: whether its consumers will refuse it until it is buried.
        message_id: the emulator's, once the publish was answered.
        answered_at: when that was, on the monotonic clock.
    """

    size: int
    started_at: float
    doomed: bool = False
    message_id: int | None = None
    answered_at: float = 0.0


class Publications:
    """All of a topic's, by own id."""

    def __init__(self) -> None:
        self.failed = 0
        self._lock = threading.Lock()
        self._all: dict[str, Publication] = {}
        self._answered = 0

    def started(self, own: str, publication: Publication) -> None:
        """A message is handed to the client."""
        with self._lock:
            self._all[own] = publication

    def answered(self, own: str, message_id: int, at: float) -> None:
        """Its publish was answered: from now on it must not be lost."""
        with self._lock:
            publication = self._all[own]
            publication.message_id = message_id
            publication.answered_at = at
            self._answered += 1

    def not_answered(self, count: int) -> None:
        """The client gave up on some: they may have been published or not."""
        with self._lock:
            self.failed += count

    def find(self, own: str) -> Publication | None:
        """The message with that own id."""
        return self._all.get(own)

    def is_answered(self, own: str) -> bool:
        """Whether that message must not be lost."""
        return self._all[own].message_id is not None

    def sure(self) -> dict[str, Publication]:
        """Those that were answered."""
        with self._lock:
            return {own: one for own, one in self._all.items() if one.message_id is not None}

    def count(self) -> tuple[int, int]:
        """How many were handed to the client, and how many were answered."""
        with self._lock:
            return len(self._all), self._answered
