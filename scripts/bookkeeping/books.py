"""The books: what every job was meant to end as, what it ended as, and what happened on the way."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, pairwise

from bookkeeping.errands import Errand
from bookkeeping.stories import Run, Story
from pubsubctl.exchange import Response
from pubsubctl.job import DEAD, Job, JobState, Reason

_ANSWERED = frozenset({None, Reason.STATUS, Reason.EXHAUSTED})
_EARLY_S = 0.01


@dataclass(frozen=True)
class Books:
    """What was found at the end.

    Attributes:
        errands: what was to be done.
        jobs: the job of each, by key; None where the store does not know it.
        responses: what each job was answered, by job.
        stories: what the store tells of each job.
        stored: how many jobs of each state the store counts.
        runs: every run of the application, in the order of their beginning.
        mirrored: how often a dead letter of a job came to the dead-letter topic.
        runs_afterwards: runs that a last worker made when everything had ended.
    """

    errands: Sequence[Errand]
    jobs: Mapping[str, Job | None]
    responses: Mapping[str, Response]
    stories: Mapping[str, Story]
    stored: Mapping[JobState, int]
    runs: Sequence[Run]
    mirrored: Mapping[str, int]
    runs_afterwards: int
    faults: list[str] = field(default_factory=list)

    def audit(self) -> list[str]:
        """Whatever is not as it must be, a line each."""
        faults = [fault for errand in self.errands for fault in self._of_errand(errand)]
        return [
            *(*self.faults, *faults),
            *(*self._of_runs(), *self._of_order(), *self._of_totals(), *self._of_dead_letters()),
        ]

    def counts(self) -> dict[JobState, int]:
        """How many jobs ended in each state."""
        ended = Counter(job.state for job in self.jobs.values() if job is not None)
        return {state: ended[state] for state in JobState}

    def exhausted(self) -> list[Job]:
        """The jobs that were given up on."""
        return [job for job in self.jobs.values() if job and job.state is JobState.FAILED and job.reason in DEAD]

    @cached_property
    def overtaken(self) -> list[Run]:
        """Runs that began when another attempt had taken over, or nobody wanted any: their worker had been frozen."""
        return [run for run in self.runs if run.job_id in self.stories and self.stories[run.job_id].overtook(run)]

    def _of_errand(self, errand: Errand) -> list[str]:
        job = self.jobs.get(errand.key)
        if job is None:
            return [f"{errand.key} ({errand.path}) was submitted and is not in the store"]
        told = f"{errand.key} ({errand.path}, job {job.id}, attempt {job.attempt})"
        if job.state is not errand.end or (errand.reason is not None and job.reason != errand.reason):
            return [f"{told} should be {errand.end}, and is {job.state} ({job.reason}: {job.error})"]
        return [f"{told} {fault}" for fault in (*self._of_response(errand, job), *self._of_attempts(errand, job))]

    def _of_response(self, errand: Errand, job: Job) -> Iterator[str]:
        response = self.responses.get(job.id)
        if job.state is JobState.CANCELLED or job.reason not in _ANSWERED:
            if response is not None:
                yield "has a response, and should have none"
            return
        if response is None or response.body != errand.body:
            yield "has a response that is not its own"
        elif (response.header("x-job"), response.header("x-attempt")) != (job.id, str(job.attempt)):
            yield f"has the response of attempt {response.header('x-attempt')}"
        if not any(run[:2] == (job.id, job.attempt) for run in self._runs_of(job.id)):
            yield "has the response of an attempt that never ran"

    def _of_attempts(self, errand: Errand, job: Job) -> Iterator[str]:
        story, allowed = self.stories[job.id], errand.max_attempts
        if story.attempts() != list(range(1, job.attempt + 1)):
            yield f"has the attempts {story.attempts()} in its history"
        if job.failures != allowed if job.reason == Reason.EXHAUSTED else job.failures > allowed:
            yield f"has failed {job.failures} times, and was allowed {allowed} failures"
        began_at = story.began_at()
        if began_at is not None and began_at < job.created_at + errand.delay_s - _EARLY_S:
            yield f"began {began_at - job.created_at:.2f} s after its submit, and not {errand.delay_s:.2f} s"
        if any(pause_s < errand.pause_s - _EARLY_S for pause_s in story.pauses()):
            yield f"was asked again sooner than after {errand.pause_s:g} s"

    def _runs_of(self, job_id: str) -> list[Run]:
        return self._by_job.get(job_id, [])

    @cached_property
    def _by_job(self) -> Mapping[str, list[Run]]:
        found: dict[str, list[Run]] = defaultdict(list)
        for run in self.runs:
            found[run.job_id].append(run)
        return found

    def _of_runs(self) -> list[str]:
        twice = [run for run, times in Counter(run[:2] for run in self.runs).items() if times > 1]
        known = {job.id: job.attempt for job in self.jobs.values() if job}
        strange = {run.job_id for run in self.runs} - set(known)
        unknown = [run for run in self.runs if run.attempt > known.get(run.job_id, run.attempt)]
        return [
            *(f"attempt {attempt} of job {job_id} was run twice" for job_id, attempt in twice),
            *(f"job {job_id} was run, and nobody submitted it" for job_id in strange),
            *(f"attempt {run.attempt} of job {run.job_id} was run, and nobody granted it" for run in unknown),
            *(f"attempt {run.attempt} of job {run.job_id} was run when it had ended" for run in self._ended_before()),
            *([f"{self.runs_afterwards} runs when everything had ended"] if self.runs_afterwards else []),
        ]

    def _ended_before(self) -> list[Run]:
        return [run for run in self.runs if run.job_id in self.stories and self.stories[run.job_id].told(run)]

    def _of_order(self) -> list[str]:
        """Jobs of an ordering key: none may begin before the one that began before it has ended."""
        lines: dict[str, list[Story]] = defaultdict(list)
        for errand in self.errands:
            job = self.jobs.get(errand.key)
            if errand.ordering_key and job is not None:
                lines[errand.ordering_key].append(self.stories[job.id])
        return [fault for key, stories in lines.items() for fault in self._of_line(key, stories)]

    def _of_line(self, key: str, stories: Sequence[Story]) -> Iterator[str]:
        lives = sorted(life for story in stories for life in story.lives())
        for one, other in pairwise(lives):
            if other.began_at < one.ended_at:
                yield f"job {other.job_id} of {key} began before job {one.job_id} had ended"
        overtaken = {run[:2] for run in self.overtaken}
        runs = sorted(
            (run for story in stories for run in self._runs_of(story.job_id) if run[:2] not in overtaken),
            key=lambda run: run.at,
        )
        allowed = Counter(life.job_id for life in lives)
        for job_id, times in Counter(job_id for job_id, _ in groupby(run.job_id for run in runs)).items():
            if times > allowed[job_id]:
                yield f"runs of job {job_id} of {key} are mixed with those of others"

    def _of_totals(self) -> list[str]:
        ended = self.counts()
        finished = ended[JobState.SUCCEEDED] + ended[JobState.FAILED] + ended[JobState.CANCELLED]
        faults = []
        if finished != len(self.errands):
            faults.append(f"{len(self.errands)} jobs were submitted, {finished} ended")
        if dict(self.stored) != ended:
            faults.append(f"the store counts {dict(self.stored)}, its jobs are {ended}")
        if len({job.id for job in self.jobs.values() if job}) != sum(1 for job in self.jobs.values() if job):
            faults.append("two errands have the same job")
        return faults

    def _of_dead_letters(self) -> list[str]:
        exhausted = {job.id for job in self.exhausted()}
        return [
            *(f"the dead letter of job {job_id} was never mirrored" for job_id in exhausted - set(self.mirrored)),
            *(f"job {job_id} was mirrored as a dead letter, and is none" for job_id in set(self.mirrored) - exhausted),
        ]
