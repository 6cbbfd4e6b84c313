"""What is known of the attempts of a job, by the store's history and by the application's own lines. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pubsubctl.store.timeline import Event, EventKind

_TAKEN = frozenset({EventKind.LOST, EventKind.CANCELLED})  # from a worker that may not know of it yet
_TOLD = frozenset({EventKind.ENDED, EventKind.RELEASED})  # by the very worker that ran it
_CLOSING = _TAKEN | _TOLD


class Run(NamedTuple):
    """A run of the application, as it has noted it by itself.

    Attributes:
        at: by the store's clock.
        host: where.
        steady_at: by the steady clock.
    """

    job_id: str
    attempt: int
    at: float
    host: str = "here"
    steady_at: float = 0.0


class Life(NamedTuple):
    """A job from its first attempt to its end; a job that is asked for again has another one."""

    began_at: float
    ended_at: float
    job_id: str


@dataclass(frozen=True)
class Story:
    """The history of one job."""

    job_id: str
    events: Sequence[Event]

    def attempts(self) -> list[int]:
        """The numbers of all attempts, in the order of their beginning."""
        return [event.attempt for event in self.events if event.kind is EventKind.BEGAN]

    def overtook(self, run: Run) -> bool:
        """Whether an attempt was taken away from its worker before its run began."""
        return not self.told(run) and any(
            event.at < run.at
            for event in self.events
            if (event.kind in _TAKEN and event.attempt == run.attempt)
            or (event.kind is EventKind.BEGAN and event.attempt > run.attempt)
        )

    def told(self, run: Run) -> bool:
        """Whether its worker had said before its run began that the attempt was over, which must not be."""
        return any(event.at < run.at for event in self.events if event.kind in _TOLD and event.attempt == run.attempt)

    def lives(self) -> Iterator[Life]:
        """Each in which an attempt began."""
        life: list[Event] = []
        for event in [*self.events, None]:
            if event is not None and event.kind is not EventKind.RETRIED:
                life.append(event)
                continue
            began = [each.at for each in life if each.kind is EventKind.BEGAN]
            if began:
                ended = [each.at for each in life if each.kind in _CLOSING]
                yield Life(began[0], max(ended, default=math.inf), self.job_id)
            life = []

    def pauses(self) -> Iterator[float]:
        """How long after the end of each attempt that the application answered the next one began."""
        ended_at: float | None = None
        for event in self.events:
            if event.kind is EventKind.ENDED and "the app answered" in (event.text or ""):
                ended_at = event.at
            elif event.kind is EventKind.BEGAN and ended_at is not None:
                yield event.at - ended_at
                ended_at = None
            elif event.kind is EventKind.RETRIED:
                ended_at = None

    def began_at(self) -> float | None:
        """When its first attempt began."""
        return next((event.at for event in self.events if event.kind is EventKind.BEGAN), None)
