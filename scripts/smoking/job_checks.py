"""Jobs the whole way: with the commands that people use, through a refusal, through a killed worker, and many."""

import json
import time
from collections import Counter

from pubsubctl.errors import WaitTimeout
from pubsubctl.exchange import Response
from pubsubctl.job import Job, JobState
from pubsubctl.submitted import SubmittedJob
from smoking.checking import CheckFailed, Limit
from smoking.ground import Ground, Run

JOBS = 1000
_LOOK_S, _WAIT_S = 0.1, 2.0
_SECOND = 2


class JobChecks:
    """Each check that is about jobs; the first starts the worker."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def main_job(self, limit: Limit) -> str:
        """`setup`, a worker, `submit --wait`, `result`."""
        ground, began = self._ground, time.monotonic()
        made = json.loads(ground.command(limit, "setup", "--format", "json"))
        setup_s = time.monotonic() - began
        if strange := [step["name"] for step in made["steps"] if step["action"] != "exists"]:
            raise CheckFailed(f"setup finds {', '.join(strange)} not as it has been made")
        grants = Counter(grant["action"] for grant in made["grants"])
        ready_s, began = ground.start_worker(limit), time.monotonic()
        asked = ("submit", "POST", f"/double{ground.mark}", "--json", '{"x": 21}', "--idempotency-key", ground.mark)
        answer = ground.command(limit, *asked, "--wait")
        waited_s = time.monotonic() - began
        job_id = ground.command(limit, *asked).strip()  # the same key, the same job
        result = ground.command(limit, "result", job_id)
        for text in (answer, result):
            if json.loads(text) != {"doubled": 42}:
                raise CheckFailed(f"the app's answer to 21 is {text.strip()}")
        roles = f", Pub/Sub's roles: {', '.join(f'{n} {what}' for what, n in grants.items())}" if grants else ""
        return (
            f"setup {setup_s:.1f} s ({len(made['steps'])} there{roles}); worker ready in {ready_s:.1f} s; "
            f"submit --wait {waited_s:.1f} s, the command's start included; result as it should be"
        )

    def batch(self, limit: Limit) -> str:
        """Many jobs, each with the one result that was meant for it."""
        ground = self._ground
        ground.check_worker()
        began = time.monotonic()
        path = f"/double{ground.mark}"
        jobs = list(ground.client.submit_many({"path": path, "json": {"x": number}} for number in range(JOBS)))
        submitted_s = time.monotonic() - began
        answers = self._answers(jobs, limit)
        took_s = time.monotonic() - began
        for number, job in enumerate(jobs):
            answer = answers[job.id]
            if answer is None or answer.json() != {"doubled": 2 * number}:
                raise CheckFailed(f"the answer to {number} is {answer and answer.body!r}")
        runs = Counter(run.job_id for run in ground.runs)
        again = sum(runs[job.id] > 1 for job in jobs)
        return (
            f"{JOBS:,} jobs, {len(answers):,} results, each the right one; {again} ran more than once; submitted in "
            f"{submitted_s:.1f} s, ended after {took_s:.1f} s: {JOBS / took_s:,.0f} jobs/s"
        )

    def retry(self, limit: Limit) -> str:
        """The app answers 503, then 200."""
        self._ground.check_worker()
        job = self._submit("/unavailable-at-first")
        ended = self._end(job, limit)
        first, second = self._two_runs(ended)
        if ended.failures != 1:
            raise CheckFailed(f"{ended.failures} failures were recorded, not 1")
        return (
            f"503, then 200: one result, of attempt {ended.attempt}, begun {second.at - first.at:.1f} s after the first"
        )

    def killed(self, limit: Limit) -> str:
        """The worker is killed in the middle of a job; another takes its place."""
        ground = self._ground
        ground.check_worker()
        job = self._submit("/unhurried-at-first")
        while not any(run.job_id == job.id for run in ground.runs):
            limit.pause(_LOOK_S, "the job that runs")
        ground.kill_worker()
        killed_at = time.time()
        ground.start_worker(limit)
        ended = self._end(job, limit)
        _, second = self._two_runs(ended)
        return f"one result, of attempt {ended.attempt}, begun {second.at - killed_at:.1f} s after kill -9 (lease 10 s)"

    def _submit(self, path: str) -> SubmittedJob:
        return self._ground.client.submit("GET", f"{path}{self._ground.mark}")

    def _end(self, job: SubmittedJob, limit: Limit) -> Job:
        while not job.done():
            limit.pause(_LOOK_S, "the job's end")
        return job.refresh()

    def _two_runs(self, job: Job) -> tuple[Run, Run]:
        """The runs of a job that had to be run twice, and whose second attempt gave the result."""
        runs = [run for run in self._ground.runs if run.job_id == job.id]
        if job.state is not JobState.SUCCEEDED or job.attempt != _SECOND:
            raise CheckFailed(f"the job is {job.state} with attempt {job.attempt} ({job.error or 'no error'})")
        if [run.attempt for run in runs] != [1, _SECOND]:
            raise CheckFailed(f"the app ran {len(runs)} times, not twice")
        answer = self._ground.client.result(job.id).json()
        if answer != {"attempt": _SECOND}:
            raise CheckFailed(f"the result is {answer}, not that of attempt 2")
        return runs[0], runs[1]

    def _answers(self, jobs: list[SubmittedJob], limit: Limit) -> dict[str, Response | None]:
        found: dict[str, Response | None] = {}
        while len(found) < len(jobs):
            limit.go_on(f"{len(jobs):,} results, and there are {len(found):,}")
            left = [job for job in jobs if job.id not in found]
            try:
                for job, answer in self._ground.client.results(left, _WAIT_S):
                    found[job.id] = answer
            except WaitTimeout:
                continue
        return found
