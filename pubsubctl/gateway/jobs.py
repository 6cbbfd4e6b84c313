"""The gateway's own resources: jobs, their results, what happens to them."""

from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from pubsubctl.client import Client
from pubsubctl.errors import InvalidCursor, PubsubctlError
from pubsubctl.gateway import resource
from pubsubctl.gateway.documents import PREFIX, document, json_of, nothing, root_of
from pubsubctl.gateway.events import Events, mark
from pubsubctl.gateway.expectation import Expectation
from pubsubctl.gateway.pausing import PAUSING
from pubsubctl.gateway.problems import later, of_error, problem
from pubsubctl.gateway.results import Results
from pubsubctl.gateway.waiters import Waiters
from pubsubctl.job import Job, JobState, Reason
from pubsubctl.names import check_job_id
from pubsubctl.quantities import duration

MOST_JOBS = 1000
_FILTERS = ("state", "reason", "batch", "path", "worker", "older_than", "newer_than", "limit", "cursor")


class Jobs:
    """Answers for jobs.

    Args:
        client: whose jobs they are.
        waiters: those who follow jobs.
        results: makes responses.
        expectation: knows how long jobs take.
    """

    def __init__(self, client: Client, waiters: Waiters, results: Results, expectation: Expectation) -> None:
        self._client = client
        self._waiters = waiters
        self._results = results
        self._expectation = expectation

    def add_to(self, app: Flask) -> None:
        """Have an application answer for them."""
        resource.add(app, PREFIX, {"GET": self.some})
        resource.add(app, f"{PREFIX}/<job_id>", {"GET": self.one, "DELETE": self.cancel})
        resource.add(app, f"{PREFIX}/<job_id>/result", {"GET": self.result})
        resource.add(app, f"{PREFIX}/<job_id>/events", {"GET": self.events})

    def some(self) -> Response:
        """``GET /_jobs``: a page of jobs, the newest first."""
        try:
            asked = _filters()
        except ValueError as error:
            return problem(400, str(error))
        try:
            page = self._client.store.find(**asked)
        except InvalidCursor as error:
            return problem(400, str(error))
        self._expectation.learn(page.jobs)
        content: dict[str, Any] = {"jobs": [document(job, root_of(request)) for job in page.jobs], "next": None}
        answer_headers = {}
        if page.next_cursor is not None:
            others = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
            query = urlencode([*others, ("cursor", page.next_cursor)])
            content["next"] = f"{root_of(request)}{PREFIX}?{query}"
            answer_headers["Link"] = f'<{content["next"]}>; rel="next"'
        answer = json_of(content)
        answer.headers.extend(answer_headers)
        return answer

    def one(self, job_id: str) -> Response:
        """``GET /_jobs/ID``: a job, and when to ask again for one that has not ended."""
        job = self._known(job_id)
        answer = json_of(document(job, root_of(request)))
        if not job.finished:
            answer.headers.extend(later(self._expectation.again_s(job)))
        return answer

    def cancel(self, job_id: str) -> Response:
        """``DELETE /_jobs/ID``: cancel a job that has not ended."""
        job = self._known(job_id)
        if not job.finished:
            self._client.job(job_id).cancel()
            job = self._known(job_id)
        if job.state is not JobState.CANCELLED:
            return problem(409, f"job {job_id} has {job.state} already, and cannot be cancelled", state=str(job.state))
        return json_of(document(job, root_of(request)))

    def result(self, job_id: str) -> Response:
        """``GET /_jobs/ID/result``: what the application answered."""
        try:
            return self._results.of(check_job_id(job_id))
        except PubsubctlError as error:
            answer = of_error(error)
            if answer.status_code == 409:  # noqa: PLR2004 - it has not ended
                answer.headers.extend(later(self._expectation.again_s(self._known(job_id))))
            return answer

    def events(self, job_id: str) -> Response:
        """``GET /_jobs/ID/events``: what happens to it, as it happens."""
        wait = self._waiters.enter(check_job_id(job_id), follows=True, blocking=not request.environ.get(PAUSING))
        if wait is None:
            return problem(503, "as many wait here as may; ask for the job now and then", headers=later(5))
        try:
            job = self._known(job_id)
        except BaseException:
            wait.close()
            raise
        if job.finished and request.headers.get("Last-Event-ID") == mark(job):
            wait.close()
            return nothing()
        return Events(job, wait, self._waiters, root_of(request))

    def _known(self, job_id: str) -> Job:
        job = self._client.get(check_job_id(job_id))
        self._expectation.learn([job])
        return job


def _filters() -> dict[str, Any]:
    """What ``find`` is to be asked for.

    Raises:
        ValueError: a filter is unknown, or cannot be used.
    """
    unknown = next((name for name in request.args if name not in _FILTERS), None)
    if unknown is not None:
        raise ValueError(f"unknown filter {unknown!r}; there are {', '.join(_FILTERS)}")
    args = request.args
    return {
        "states": [_one_of(JobState, "state", text) for text in args.getlist("state")],
        "reasons": [_one_of(Reason, "reason", text) for text in args.getlist("reason")],
        "batch_id": args.get("batch"),
        "path": args.get("path"),
        "worker": args.get("worker"),
        "older_than_s": _seconds("older_than"),
        "newer_than_s": _seconds("newer_than"),
        "limit": _limit(args.get("limit", "100")),
        "cursor": args.get("cursor"),
    }


def _one_of(kind: Any, name: str, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name} must be one of {', '.join(kind)}, not {text!r}") from None


def _seconds(name: str) -> float | None:
    text = request.args.get(name)
    try:
        return None if text is None else duration(text)
    except ValueError as error:
        raise ValueError(f"{name} {error}, not {text!r}") from error


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_JOBS):
        raise ValueError(f"limit must be 1 to {MOST_JOBS}, not {text[:40]!r}")
    return int(text)
