"""The contract once more, as plain as can be: one dictionary, no database."""

from dataclasses import dataclass

from given import LEASE_S, MAX_ATTEMPTS, MAX_CRASHES

from pubsubctl.job import JobState
from pubsubctl.store.base import LEASE_GRACE_S, LOST_MESSAGE_S, PUBLISH_GRACE_S
from pubsubctl.store.claims import Refusal

QUEUED, RUNNING, RETRYING = JobState.QUEUED, JobState.RUNNING, JobState.RETRYING
SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED


@dataclass
class ModelJob:
    """What the model knows of a job; ``due`` is None when nobody has to act."""

    due: float | None
    not_before: float = 0.0
    state: JobState = QUEUED
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    message: str = ""
    spent: tuple[str, ...] = ()
    lease: float = 0.0
    finished: float = 0.0
    keyed: bool = False
    allowed: int | None = None
    forgiven_failures: int = 0
    forgiven_crashes: int = 0
    unpublished: bool = False


class Model:
    """Says what a store must answer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.jobs: dict[str, ModelJob] = {}

    def add(self, job_id: str, delay_s: float) -> bool:
        if job_id in self.jobs:
            return False
        self.jobs[job_id] = ModelJob(self.now + (delay_s or PUBLISH_GRACE_S), self.now + delay_s, keyed=True)
        return True

    def add_again(self, job_id: str, delay_s: float) -> bool:
        """Whether the job is queued again."""
        job = self.jobs[job_id]
        if again := job.unpublished:
            job.state, job.unpublished, job.finished = QUEUED, False, 0.0
            job.due, job.not_before = self.now + (delay_s or PUBLISH_GRACE_S), self.now + delay_s
            job.allowed, job.forgiven_failures, job.forgiven_crashes = None, job.failures, job.crashes
        return again

    def published(self, job_id: str, attempt: int) -> None:
        job = self.jobs.get(job_id)
        if job and job.state in {QUEUED, RETRYING} and job.attempt == attempt:
            job.message = "m1"
            job.due = self.now + LOST_MESSAGE_S if job.not_before <= self.now else job.due

    def unpublished(self, job_id: str, attempt: int, *, dead: bool) -> None:
        job = self.jobs.get(job_id)
        if job and job.state in {QUEUED, RETRYING} and job.attempt == attempt and not job.message:
            self._end(job, FAILED, due=self.now if dead else None)
            job.unpublished = True

    def claim(self, job_id: str, message: str) -> int | Refusal:
        """The attempt's number, or why not."""
        job = self.jobs.setdefault(job_id, ModelJob(None))
        if job.state in {SUCCEEDED, FAILED, CANCELLED}:
            return Refusal.CANCELLED if job.state is CANCELLED else Refusal.DONE
        if message in job.spent:
            return Refusal.SPENT
        if job.state is RUNNING:
            if job.lease > self.now:
                return Refusal.HELD if job.message == message else Refusal.BUSY
            job.crashes += 1
            if job.crashes - job.forgiven_crashes >= MAX_CRASHES:
                self._end(job, FAILED, due=self.now)
                return Refusal.CRASHED
        elif job.not_before > self.now:
            return Refusal.NOT_DUE
        job.state, job.message, job.attempt = RUNNING, message, job.attempt + 1
        job.allowed = job.allowed or job.forgiven_failures + MAX_ATTEMPTS
        self._lease(job)
        return job.attempt

    def holds(self, job_id: str, attempt: int) -> bool:
        job = self.jobs.get(job_id)
        return job is not None and job.state is RUNNING and job.attempt == attempt

    def heartbeat(self, job_id: str, attempt: int) -> bool:
        if held := self.holds(job_id, attempt):
            self._lease(self.jobs[job_id])
        return held

    def release(self, job_id: str, attempt: int) -> None:
        if self.holds(job_id, attempt):
            job = self.jobs[job_id]
            job.state, job.not_before, job.due = QUEUED, 0.0, self.now + LEASE_GRACE_S

    def record(self, job_id: str, attempt: int, state: JobState, retry_in_s: float, *, dead: bool, held: bool) -> bool:
        if not self.holds(job_id, attempt):
            return False
        job = self.jobs[job_id]
        job.failures += state is not SUCCEEDED
        if state is RETRYING:
            job.state, job.not_before = RETRYING, self.now + retry_in_s
            job.due = job.not_before + (LEASE_GRACE_S if held else 0.0)
            job.message = job.message if held else ""
        else:
            self._end(job, state, due=self.now if dead and state is FAILED else None)
        return True

    def cancel(self, job_id: str) -> JobState | None:
        job = self.jobs.get(job_id)
        if job is None:
            return None
        found = job.state
        if found in {QUEUED, RUNNING, RETRYING}:
            self._end(job, CANCELLED, due=None)
        return found

    def retry(self, job_id: str) -> JobState | None:
        job = self.jobs.get(job_id)
        if job is None:
            return None
        found = job.state
        if found in {FAILED, CANCELLED}:
            job.spent, job.message = (*job.spent, *filter(None, [job.message])), ""
            job.state, job.due, job.not_before, job.unpublished = QUEUED, self.now, 0.0, False
            job.allowed = job.failures + job.allowed - job.forgiven_failures if job.allowed else None
            job.forgiven_failures, job.forgiven_crashes = job.failures, job.crashes
        return found

    def returned(self, job_id: str, message: str) -> None:
        job = self.jobs.get(job_id)
        if job and job.state in {QUEUED, RETRYING} and job.message == message:
            self._end(job, FAILED, due=None)

    def delete(self, job_id: str) -> int:
        job = self.jobs.get(job_id)
        if job is None or job.state not in {SUCCEEDED, FAILED, CANCELLED}:
            return 0
        del self.jobs[job_id]
        return 1

    def sweep(self) -> set[str]:
        due = {job_id for job_id, job in self.jobs.items() if job.due is not None and job.due <= self.now}
        for job in (self.jobs[job_id] for job_id in due):
            if job.state is RUNNING:
                job.crashes += 1
                job.state, job.not_before = RETRYING, self.now
                if job.crashes - job.forgiven_crashes >= MAX_CRASHES:
                    self._end(job, FAILED, due=None)
            job.due = self.now + PUBLISH_GRACE_S
        return due

    def mirrored(self, job_id: str, *, of_its_last_end: bool) -> None:
        job = self.jobs.get(job_id)
        if job and job.state is FAILED and of_its_last_end:
            job.due = None

    def purge(self, older_than_s: float) -> int:
        gone = [
            job_id
            for job_id, job in self.jobs.items()
            if job.state in {SUCCEEDED, FAILED, CANCELLED} and job.finished < self.now - older_than_s
        ]
        for job_id in gone:
            del self.jobs[job_id]
        return len(gone)

    def _lease(self, job: ModelJob) -> None:
        job.lease = self.now + LEASE_S
        job.due = job.lease + LEASE_GRACE_S

    def _end(self, job: ModelJob, state: JobState, *, due: float | None) -> None:
        job.state, job.finished, job.due = state, self.now, due
