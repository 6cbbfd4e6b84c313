"""The books: what every job was meant to end as, what it ended as, and what happened on the way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pubsubctl.exchange import Response
from pubsubctl.job import DEAD, Job, JobState
from wrecking.errands import Errand


@dataclass(frozen=True)
class Books:
    """What was found at the end.

    Attributes:
        errands: what was to be done.
        jobs: the job of each, by key; None where the store does not know it.
        responses: what each job was answered, by job.
        stored: how many jobs of each state the store counts.
        runs: (job, attempt) of every run of the application, in the order of their beginning.
        mirrored: how often a dead letter of a job came to the dead-letter topic.
        runs_afterwards: runs that a last worker made when everything had ended.
    """

    errands: Sequence[Errand]
    jobs: Mapping[str, Job | None]
    responses: Mapping[str, Response]
    stored: Mapping[JobState, int]
    runs: Sequence[tuple[str, int]]
    mirrored: Mapping[str, int]
    runs_afterwards: int
    faults: list[str] = field(default_factory=list)

    def audit(self) -> list[str]:
        """Whatever is not as it must be, a line each."""
        faults = [fault for errand in self.errands for fault in self._of_errand(errand)]
        return [*self.faults, *faults, *self._of_runs(), *self._of_totals(), *self._of_dead_letters()]

    def counts(self) -> dict[JobState, int]:
        """How many jobs ended in each state."""
        ended = Counter(job.state for job in self.jobs.values() if job is not None)
        return {state: ended[state] for state in JobState}

    def exhausted(self) -> list[Job]:
        """The jobs that were given up on."""
        return [job for job in self.jobs.values() if job and job.state is JobState.FAILED and job.reason in DEAD]

    def _of_errand(self, errand: Errand) -> list[str]:
        job = self.jobs.get(errand.key)
        if job is None:
            return [f"{errand.key} ({errand.path}) was submitted and is not in the store"]
        told = f"{errand.key} ({errand.path}, job {job.id}, attempt {job.attempt})"
        if job.state is not errand.end or (errand.reason is not None and job.reason != errand.reason):
            return [f"{told} should be {errand.end}, and is {job.state} ({job.reason}: {job.error})"]
        if job.state is not JobState.SUCCEEDED:
            return []
        response = self.responses.get(job.id)
        if response is None or response.body != errand.body:
            return [f"{told} has a response that is not its own"]
        if (response.header("x-job"), response.header("x-attempt")) != (job.id, str(job.attempt)):
            return [f"{told} has the response of attempt {response.header('x-attempt')}"]
        return []

    def _of_runs(self) -> list[str]:
        twice = [run for run, times in Counter(self.runs).items() if times > 1]
        known = {job.id for job in self.jobs.values() if job}
        strange = {job_id for job_id, _ in self.runs} - known
        return [
            *(f"attempt {attempt} of job {job_id} was run twice" for job_id, attempt in twice),
            *(f"job {job_id} was run, and nobody submitted it" for job_id in strange),
            *([f"{self.runs_afterwards} runs when everything had ended"] if self.runs_afterwards else []),
        ]

    def _of_totals(self) -> list[str]:
        ended = self.counts()
        finished = ended[JobState.SUCCEEDED] + ended[JobState.FAILED] + ended[JobState.CANCELLED]
        faults = []
        if finished != len(self.errands):
            faults.append(f"{len(self.errands)} jobs were submitted, {finished} ended")
        if dict(self.stored) != ended:
            faults.append(f"the store counts {dict(self.stored)}, its jobs are {ended}")
        return faults

    def _of_dead_letters(self) -> list[str]:
        exhausted = {job.id for job in self.exhausted()}
        return [
            *(f"the dead letter of job {job_id} was never mirrored" for job_id in exhausted - set(self.mirrored)),
            *(f"job {job_id} was mirrored as a dead letter, and is none" for job_id in set(self.mirrored) - exhausted),
        ]
