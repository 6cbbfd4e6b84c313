"""Any request to any path becomes a job: 202 and a place to ask, or the answer itself if it comes soon enough."""

import time
from collections.abc import Generator
from dataclasses import dataclass

from flask import Request, Response

from pubsubctl.errors import BrokerUnreachable, PubsubctlError
from pubsubctl.exchange import METHODS
from pubsubctl.gateway import inbound, prefer
from pubsubctl.gateway.documents import json_of, links_of, nothing, root_of
from pubsubctl.gateway.expectation import Expectation
from pubsubctl.gateway.later import Later, Steps
from pubsubctl.gateway.pausing import Pause
from pubsubctl.gateway.posting import Posting
from pubsubctl.gateway.problems import later, of_error, problem
from pubsubctl.gateway.results import JOB_FIELD, Results
from pubsubctl.gateway.terms import Terms
from pubsubctl.gateway.waiters import Wait, Waiters
from pubsubctl.job import Job
from pubsubctl.submission import Submission, build


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for, beside its job.

    Attributes:
        preferences: what the client would like.
        wait_s: for how long it is kept waiting.
        method: of the request.
        path: of the request, without its query.
        root: where the gateway is mounted.
    """

    preferences: prefer.Preferences
    wait_s: float
    method: str
    path: str
    root: str


class Submitting:
    """Takes requests in.

    Args:
        posting: submits them.
        terms: what may be asked.
        waiters: those who wait for jobs.
        results: makes responses.
        expectation: knows how long jobs take.
    """

    def __init__(
        self,
        posting: Posting,
        terms: Terms,
        waiters: Waiters,
        results: Results,
        expectation: Expectation,
    ) -> None:
        self._posting = posting
        self._terms = terms
        self._waiters = waiters
        self._results = results
        self._expectation = expectation

    def take(self, request: Request) -> Response:
        """Make a job of a request, and answer as soon as that is due."""
        if request.method not in METHODS:
            return problem(501, f"the method is none of {', '.join(METHODS)}")
        target = inbound.target(request.environ)
        if request.method == "OPTIONS" and target == "*":
            return nothing(Allow=", ".join(METHODS))  # it asks for the server, not for a path (RFC 9110, section 9.3.7)
        if not self._terms.allows(inbound.path(target, request.script_root)):
            return problem(404, f"no request to {request.path} is taken here")
        preferences = prefer.read(request.headers.getlist("Prefer"))
        asked = _Asked(preferences, self._wait_s(preferences), request.method, request.path, root_of(request))
        try:
            submission = self._submission(request, target, preferences)
        except PubsubctlError as error:
            return of_error(error)
        return Later(lambda pausing: self._steps(submission, asked, pausing=pausing))

    def _submission(self, request: Request, target: str, preferences: prefer.Preferences) -> Submission:
        fields = inbound.headers(request, preferences, token=self._terms.token)
        content = inbound.body(request, self._terms.max_body)
        made = build(request.method, target, data=content, headers=fields)
        return Submission(made.request, content=made.content)

    def _steps(self, submission: Submission, asked: _Asked, *, pausing: bool) -> Steps:
        if self._posting.is_large(submission):  # nobody else is to wait for that
            answer = self._posting.alone(submission)
        else:
            post = self._posting.put(submission)
            yield post.pause
            answer = post.answer
        if isinstance(answer, BrokerUnreachable) and answer.in_store:  # a worker publishes it: nothing is lost
            job_id = answer.in_store[0]
        elif isinstance(answer, PubsubctlError):
            return of_error(answer)
        else:
            job_id = answer.id
        wait = self._waiters.enter(job_id, blocking=not pausing) if asked.wait_s else None
        if wait is None:  # it would not wait, or as many wait as may
            return self._accepted(job_id, asked, waited_s=0.0)
        job = yield from self._waited(wait, asked.wait_s)
        return self._accepted(job_id, asked, waited_s=asked.wait_s) if job is None else self._answered(job, asked)

    def _waited(self, wait: Wait, wait_s: float) -> Generator[Pause, None, Job | None]:
        """The job once it has ended; None where that takes longer."""
        until = time.monotonic() + wait_s
        with wait:
            wait.look()
            while not (wait.job or self._waiters.closed or time.monotonic() >= until):
                yield wait.until(until)
            return wait.job

    def _wait_s(self, preferences: prefer.Preferences) -> float:
        if preferences.wait_s is not None:
            return min(preferences.wait_s, self._terms.max_wait_s)
        return 0.0 if preferences.respond_async else self._terms.default_wait_s

    def _answered(self, job: Job, asked: _Asked) -> Response:
        """What the application has answered."""
        self._expectation.learn([job])
        try:
            answer = self._results.of_ended(job)
        except PubsubctlError as error:
            answer = of_error(error)
        return _applied(answer, asked.preferences.applied(asked.wait_s, accepted=False))

    def _accepted(self, job_id: str, asked: _Asked, *, waited_s: float) -> Response:
        """202, and where to ask."""
        links = links_of(job_id, asked.root)
        answer = json_of({"id": job_id, "links": links}, 202)
        answer.headers["Location"] = links["self"]
        answer.headers[JOB_FIELD] = job_id
        answer.headers.extend(later(self._expectation.first_s(asked.method, asked.path)))
        return _applied(answer, asked.preferences.applied(waited_s, accepted=True))


def _applied(answer: Response, preferences: str | None) -> Response:
    answer.headers.add("Vary", "Prefer")
    if preferences:
        answer.headers["Preference-Applied"] = preferences
    return answer
