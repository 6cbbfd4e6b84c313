"""Every question about many documents that the store asks. ``indexes`` makes their indexes from here. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pubsubctl.job import FINISHED, Job, JobState, Reason
from pubsubctl.store.firestore.layout import CHANGED, JOB_FIELDS, JOBS, STEP_FIELDS, WORKERS
from pubsubctl.store.firestore.query import Condition, Query
from pubsubctl.store.measuring import SAMPLE
from pubsubctl.store.paging import Position

_NEWEST_FIRST = (("created_at", True), ("id", True))
UNFINISHED = tuple(state for state in JobState if state not in FINISHED)
_OF_BATCH = ("id", "batch_id", "created_at")
_PUBLISHED_LATER = (JobState.QUEUED, JobState.RETRYING)


def due(topic: str, now: float, limit: int) -> Query:
    """Jobs that ``sweep`` must act on, the oldest first; with their requests."""
    where = (("topic", "==", topic), ("due_at", "<=", now))
    return Query(JOBS, where, (("due_at", False), ("id", False)), limit=limit)


@dataclass(frozen=True)
class Wanted:
    """What ``find`` is asked for."""

    states: Sequence[JobState] = ()
    batch_id: str | None = None
    reasons: Sequence[Reason] = ()
    earliest: float | None = None
    worker: str | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether no job can be so: only failed ones have failed for a reason."""
        return bool(self.reasons and self.states and JobState.FAILED not in self.states)

    def picks(self, job: Job) -> bool:
        """Whether a job that ``page`` finds is wanted. Only a worker's need to be asked: see there."""
        if self.worker is None:
            return True
        return (self.batch_id in {None, job.batch_id}) and (not self.reasons or job.reason in self.reasons)

    @property
    def is_picked(self) -> bool:
        """Whether ``page`` finds others, too."""
        return self.worker is not None and bool(self.batch_id is not None or self.reasons)


def page(wanted: Wanted, before: Position | None, limit: int) -> Query:
    """Jobs of a page, the newest first. Those of a worker are so few that batch and reason need no more indexes."""
    where: list[Condition] = []
    if wanted.worker is not None:
        where.append(("worker", "==", wanted.worker))
        if wanted.reasons:
            where.append(("state", "==", str(JobState.FAILED)))
        elif wanted.states:
            where.append(("state", "in", _words(wanted.states)))
        if wanted.earliest is not None:
            where.append(("created_at", ">=", wanted.earliest))
        return Query(JOBS, tuple(where), _NEWEST_FIRST, before or (), limit, JOB_FIELDS)
    if wanted.reasons:
        where += [("state", "==", str(JobState.FAILED)), ("reason", "in", _words(wanted.reasons))]
    elif wanted.states:
        where.append(("state", "in", _words(wanted.states)))
    if wanted.batch_id is not None:
        where.append(("batch_id", "==", wanted.batch_id))
    if wanted.earliest is not None:
        where.append(("created_at", ">=", wanted.earliest))
    return Query(JOBS, tuple(where), _NEWEST_FIRST, before or (), limit, JOB_FIELDS)


def in_state(state: JobState, batch_id: str | None) -> Query:
    """What is counted for ``counts``."""
    of_batch: tuple[Condition, ...] = (("batch_id", "==", batch_id),) if batch_id is not None else ()
    return Query(JOBS, (*of_batch, ("state", "==", str(state))))


def in_batch(batch_id: str, state: JobState | None = None) -> Query:
    """What is counted of a batch."""
    of_state: tuple[Condition, ...] = (("state", "==", str(state)),) if state is not None else ()
    return Query(JOBS, (("batch_id", "==", batch_id), *of_state))


def newest(limit: int) -> Query:
    """Batches of the newest jobs."""
    return Query(JOBS, order=_NEWEST_FIRST, limit=limit, fields=_OF_BATCH)


def next_batch(batch_id: str | None) -> Query:
    """The newest job of the batch that is before another by name; of the last one at first."""
    before: tuple[Condition, ...] = (("batch_id", "<", batch_id),) if batch_id is not None else ()
    return Query(JOBS, before, (("batch_id", True), ("created_at", True)), limit=1, fields=_OF_BATCH)


def latest(state: JobState, after: float, until: float, limit: int) -> Query:
    """Jobs that ended within a time, the latest first."""
    return replace(ended(state, after, until), order=(("finished_at", True),), limit=limit, fields=("id", *SAMPLE))


def ended(state: JobState, after: float, until: float) -> Query:
    """What is counted of a time."""
    return Query(JOBS, (("state", "==", str(state)), ("finished_at", ">", after), ("finished_at", "<=", until)))


def unfinished(topic: str) -> Query:
    """What is counted for ``pending``."""
    return Query(JOBS, (("topic", "==", topic), ("state", "in", _words(UNFINISHED))))


def later(topic: str, than: float) -> Query:
    """What is not counted for ``pending``: a job that runs has no ``not_before``."""
    return Query(JOBS, (("topic", "==", topic), ("state", "in", _words(_PUBLISHED_LATER)), ("not_before", ">", than)))


def purgeable(states: Iterable[JobState], before: float, limit: int | None = None) -> Query:
    """Jobs that finished before a time, the oldest first."""
    where = (("state", "in", _words(sorted(states))), ("finished_at", "<", before))
    return Query(JOBS, where, (("finished_at", False),), limit=limit, fields=STEP_FIELDS)


def workers(since: float) -> Query:
    """Workers that were seen since a time."""
    return Query(WORKERS, (("seen_at", ">=", since),))


def last_changed() -> Query:
    """The job that was changed last: what a waiter for any change looks at."""
    return Query(JOBS, order=((CHANGED, True),), limit=1)


def _words(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, values)))
