"""A job in plain words, on one line. Pure."""

from pubsubctl.job import Job, JobState
from pubsubctl.render.figures import seconds


def first_at_work(job: Job) -> tuple[bool, float, str]:
    """What to sort running jobs by: those that tell their progress surely run, others may wait in their worker."""
    return job.progress_fraction is None and job.progress_note is None, job.started_at or 0.0, job.id


def ended(job: Job) -> str:
    """How a job has ended, in a line."""
    took = seconds((job.finished_at or job.created_at) - job.created_at)
    status = f" {job.http_status}" if job.http_status else ""
    return f"job {job.id} {job.state}{status} in {took}, attempt {job.attempt}"


def why(job: Job) -> str:
    """Why a job has not succeeded."""
    if job.state is JobState.CANCELLED:
        return "it was cancelled"
    return job.error or (f"status {job.http_status}" if job.http_status else str(job.reason))
