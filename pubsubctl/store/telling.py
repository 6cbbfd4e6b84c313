"""A job's timeline from what a store keeps of it: the job itself, and its events. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from pubsubctl.job import Job, JobState, Reason
from pubsubctl.store import words
from pubsubctl.store.timeline import Event, EventKind

KINDS = {str(kind): kind for kind in EventKind}


class Told(NamedTuple):
    """An event as it is kept: the end of an attempt tells when that began."""

    event: Event
    began_at: float | None


def timeline(job: Job, told: list[Told], *, published_at: float | None, first_message_id: str | None) -> list[Event]:
    """All that is known to have happened to a job, oldest first.

    Args:
        job: as it is now.
        told: its events, in the order in which they were written.
        published_at: when it was first known to have a message.
        first_message_id: that message, unless it is the one that was claimed first.
    """
    end = untold_end(job, told)
    ends = [end] if end is not None else []
    begun = [_began(each.event, each.began_at) for each in told + ends if each.began_at is not None]
    begun += _running(job, told)
    claimed_first = begun[0].message_id if begun else None
    timeline = [
        _submitted(job, published_at),
        *_published(published_at, first_message_id or claimed_first),
        *(each.event for each in ends + told),
        *begun,
    ]
    # Where two things have one time, an attempt begins before anything else that belongs to it. And what is told at
    # the time of an end was told because of it.
    return sorted(timeline, key=lambda event: (event.at, event.attempt, event.kind is not EventKind.BEGAN))


def untold_end(job: Job, told: Sequence[Told]) -> Told | None:
    """How a finished job ended, if nothing but its row tells that."""
    if job.finished_at is None or any(_is_last(each.event, job) for each in told):
        return None
    kind = EventKind.CANCELLED if job.state is JobState.CANCELLED else EventKind.ENDED
    event = Event(job.finished_at, kind, job.attempt, job.worker, job.message_id, words.ended(job))
    return Told(event, None if _is_told(job, told) else job.started_at)


def _is_last(event: Event, job: Job) -> bool:
    return event.at == job.finished_at and event.attempt == job.attempt and event.kind in _ends(job)


def _ends(job: Job) -> frozenset[EventKind]:
    """What can tell the end that the row has."""
    if job.state is JobState.CANCELLED:
        return _CANCELLED
    return _FAILED.get(job.reason or "", _ENDED)


_CANCELLED = frozenset({EventKind.CANCELLED})
_ENDED = frozenset({EventKind.ENDED})
_FAILED: dict[str, frozenset[EventKind]] = {
    Reason.CRASHED: frozenset({EventKind.LOST, EventKind.ENDED}),
    Reason.DEAD_LETTERED: frozenset({EventKind.RETURNED, EventKind.ENDED}),
}


def _is_told(job: Job, told: Sequence[Told]) -> bool:
    return any(each.began_at is not None and each.event.attempt == job.attempt for each in told)


def _submitted(job: Job, published_at: float | None) -> Event:
    by_message = not job.method or (published_at is not None and published_at < job.created_at)
    text = words.CAME_BY_MESSAGE if by_message else None
    return Event(job.created_at, EventKind.SUBMITTED, text=text)


def _published(at: float | None, message_id: str | None) -> list[Event]:
    return [Event(at, EventKind.PUBLISHED, message_id=message_id)] if at is not None else []


def _began(ended: Event, at: float) -> Event:
    return Event(at, EventKind.BEGAN, ended.attempt, ended.worker, ended.message_id)


def _running(job: Job, told: Sequence[Told]) -> list[Event]:
    """The attempt that has not ended."""
    if job.started_at is None or job.finished or _is_told(job, told):
        return []
    return [Event(job.started_at, EventKind.BEGAN, job.attempt, job.worker, job.message_id)]
