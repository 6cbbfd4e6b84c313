"""Jobs that were given up on: queued again, or deleted for good."""

from collections.abc import Sequence

from pubsubctl.claimcheck import ClaimCheck
from pubsubctl.job import Job, JobState
from pubsubctl.store.answers import Retried
from pubsubctl.store.base import Store

RETRIABLE = (JobState.FAILED, JobState.CANCELLED)


def refusal(job: Job) -> str | None:
    """Why a job is not to be retried, in a line."""
    if job.state in RETRIABLE:
        return None
    what = "has succeeded" if job.finished else f"has not ended ({job.state})"
    return f"job {job.id} {what}; only a failed or cancelled job can be retried"


def queued_again(store: Store, jobs: Sequence[Job]) -> list[Retried]:
    """Queue again those of the jobs that can be; each with the state that it was in."""
    fit = [job.id for job in jobs if job.state in RETRIABLE]
    return [found for found in store.retry(fit) if found.state in RETRIABLE]


def deleted(store: Store, bodies: ClaimCheck, jobs: Sequence[Job]) -> tuple[list[Job], str | None]:
    """Delete those of the jobs that still are dead letters, with their large bodies.

    One transaction: what was asked for again meanwhile is no dead letter.

    Returns:
        Those that are gone, and a line that says what is left of their bodies, if anything is.
    """
    with store.group():
        dead = [job for job in store.get([job.id for job in jobs]) if job is not None and job.dead_letter]
        gone = store.delete([job.id for job in dead])
    there = {job.id for job in store.get([job.id for job in dead]) if job is not None}  # asked for again meanwhile
    return [job for job in dead if job.id not in there], bodies.delete(gone.with_payloads)
