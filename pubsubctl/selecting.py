"""Many jobs by what they are, a page at a time: however many there are, only some are in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pubsubctl.errors import JobNotFound
from pubsubctl.job import DEAD, Job, JobState, Reason
from pubsubctl.store.answers import Page
from pubsubctl.store.base import Store
from pubsubctl.store.paging import Position, position

AT_ONCE = 500
"""Jobs of a page, and of a write to the store: others write too."""


@dataclass(frozen=True)
class Selection:
    """What ``Store.find`` is asked; nothing given is all jobs.

    Attributes:
        limit: the most jobs.
        cursor: where the jobs shown before ended.
        asked_at: when they were chosen, by the store's clock: ages count from then, and what has ended since is none of
            them. Whoever is asked about jobs answers for those that there were, however long that takes.
        last: where the last of those that were chosen stands; what comes after it is none of them.
    """

    states: Sequence[JobState] = ()
    reasons: Sequence[Reason] = ()
    batch_id: str | None = None
    path: str | None = None
    older_than_s: float | None = None
    newer_than_s: float | None = None
    limit: int | None = None
    cursor: str | None = None
    asked_at: float | None = None
    last: Position | None = None

    def pages(self, store: Store) -> Iterator[Page]:
        """The jobs, the newest first; the last page has the cursor of those beyond the limit."""
        left, cursor, is_over = self.limit, self.cursor, self.limit == 0
        while not is_over:
            since_s = 0.0 if self.asked_at is None else max(0.0, store.now() - self.asked_at)
            page = store.find(
                states=self.states,
                reasons=self.reasons,
                batch_id=self.batch_id,
                path=self.path,
                older_than_s=None if self.older_than_s is None else self.older_than_s + since_s,
                newer_than_s=None if self.newer_than_s is None else self.newer_than_s + since_s,
                limit=AT_ONCE if left is None else min(AT_ONCE, left),
                cursor=cursor,
            )
            had = [job for job in page.jobs if self._had(job)]
            left = None if left is None else left - len(had)
            cursor = page.next_cursor
            is_over = cursor is None or left == 0 or self._is_beyond(page.jobs)
            yield replace(page, jobs=had)

    def jobs(self, store: Store) -> Iterator[Job]:
        """The same, one by one."""
        for page in self.pages(store):
            yield from page.jobs

    def counted(self, store: Store) -> "tuple[int, Selection]":
        """How many there are, and a selection of no others: where some are gone meanwhile, none takes their place.

        Raises:
            JobNotFound: there are none, and no job belongs to the batch.
        """
        asked = replace(self, asked_at=store.now())
        total, last = 0, None
        for page in asked.pages(store):
            total += len(page.jobs)
            last = position(page.jobs[-1]) if page.jobs else last
        if not total:
            self.check_batch(store)
        return total, replace(asked, limit=total, last=last)

    def check_batch(self, store: Store) -> None:
        """See that the batch is one: nothing is found of a mistyped one either.

        Raises:
            JobNotFound: no job belongs to it.
        """
        if self.batch_id is not None and not any(store.counts(self.batch_id).values()):
            raise JobNotFound(f"no batch {self.batch_id!r} in the store; `pubsubctl status` lists the latest jobs")

    def _had(self, job: Job) -> bool:
        """Whether it was there to be chosen."""
        is_late = self.asked_at is not None and (job.finished_at or 0.0) > self.asked_at
        return not is_late and not self._is_beyond([job])

    def _is_beyond(self, jobs: Sequence[Job]) -> bool:
        """Whether the last of these comes after the last that was chosen."""
        return bool(self.last is not None and jobs and position(jobs[-1]) < self.last)

    @property
    def everything(self) -> bool:
        """Whether it chooses nothing: every dead letter there is."""
        return self == dead_letters()


def of_ids(store: Store, job_ids: Sequence[str]) -> tuple[list[Job], list[str]]:
    """The jobs of these ids, each once, and the ids that no job has."""
    wanted = list(dict.fromkeys(job_ids))
    known = dict(zip(wanted, store.get(wanted), strict=True))
    return [job for job in known.values() if job is not None], [id_ for id_, job in known.items() if job is None]


def portions(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    """The jobs, as many at a time as a write to the store may take."""
    return (jobs[start : start + AT_ONCE] for start in range(0, len(jobs), AT_ONCE))


def dead_letters() -> Selection:
    """The jobs that were given up on."""
    return Selection((JobState.FAILED,), sorted_reasons(DEAD))


def sorted_reasons(reasons: frozenset[Reason]) -> tuple[Reason, ...]:
    """Reasons in the order of their enumeration."""
    return tuple(reason for reason in Reason if reason in reasons)
