"""What a store answers those who submit jobs, look for them, cancel or retry them."""

from dataclasses import dataclass

from pubsubctl.job import Job, JobState


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a new job.

    Attributes:
        job_id: the id that the store has: another job's where the idempotency key was known.
        existed: the idempotency key was known, so nothing was added, and nothing is to be published. Not so where the
            known job had failed unpublished: that one is queued again, and its message is still to be made.
        same_request: the known job asks for the same; see ``job.difference``.
        attempt: the job's attempt number, for ``Published`` and ``Unpublished``; 0 unless it has run before.
    """

    job_id: str
    existed: bool = False
    same_request: bool = True
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, and where the next ones begin; ``next_cursor`` is None after the last."""

    jobs: list[Job]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted.

    Attributes:
        count: how many jobs.
        with_payloads: the ids of those that had a body kept apart: whoever deletes them has that deleted too.
    """

    count: int = 0
    with_payloads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Space:
    """The room that a store takes, in bytes.

    Attributes:
        total: of all of it.
        free: of that, what deleted jobs have left: new ones take it first.
        by_pieces: whether ``reclaim`` gives that back; else only ``rewrite`` does.
    """

    total: int
    free: int
    by_pieces: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a cancellation found: ``state`` is the job's before it, None for an unknown job."""

    job_id: str
    state: JobState | None


@dataclass(frozen=True, slots=True)
class Retried:
    """What asking for another attempt found: ``state`` is the job's before it, None for an unknown job.

    Only a failed or cancelled job is queued again.
    """

    job_id: str
    state: JobState | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What ended of late.

    Attributes:
        begins_at: where the first step begins, by the store's clock; the last one ends at the moment of the question.
        step_s: how long a step is, in seconds.
        succeeded: how many jobs ended so in each step, the oldest first; what was deleted since is not among them.
        failed: the same.
        cancelled: the same.
        queue_times_s: of the latest jobs to succeed or fail within that time, some hundreds at most: the seconds from
            the first message to the attempt, of those that needed no more than one. A delayed job has no message before
            its time.
        run_times_s: of these jobs the seconds that the last attempt took, but of those that nobody saw end.
    """

    begins_at: float
    step_s: float
    succeeded: tuple[int, ...]
    failed: tuple[int, ...]
    cancelled: tuple[int, ...]
    queue_times_s: tuple[float, ...]
    run_times_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BatchSeen:
    """A batch among others.

    Attributes:
        created_at: when the newest of its jobs was created.
        counts: how many of its jobs are in each state, every state named.
    """

    batch_id: str
    created_at: float
    counts: dict[JobState, int]
