"""Any request to any path becomes a job: 202 and a place to ask, or the answer itself if it comes soon enough."""

import time
from dataclasses import dataclass

from flask import Request, Response

from pubsubctl.client import Client
from pubsubctl.errors import BrokerUnreachable, PubsubctlError
from pubsubctl.exchange import METHODS
from pubsubctl.gateway import inbound, prefer
from pubsubctl.gateway.documents import json_of, links_of
from pubsubctl.gateway.expectation import Expectation
from pubsubctl.gateway.later import Later
from pubsubctl.gateway.problems import later, of_error, problem
from pubsubctl.gateway.results import JOB_FIELD, Results
from pubsubctl.gateway.terms import Terms
from pubsubctl.gateway.waiters import Waiters


@dataclass(frozen=True, slots=True)
class _Taken:
    """A request that has become a job.

    Attributes:
        job_id: that job.
        preferences: what the client would like.
        wait_s: for how long it is kept waiting.
        method: what it asked for.
        path: what it asked for.
        root: where the gateway is mounted.
    """

    job_id: str
    preferences: prefer.Preferences
    wait_s: float
    method: str
    path: str
    root: str


class Submitting:
    """Takes requests in.

    Args:
        client: submits them.
        terms: what may be asked.
        waiters: those who wait for jobs.
        results: makes responses.
        expectation: knows how long jobs take.
    """

    def __init__(
        self, client: Client, terms: Terms, waiters: Waiters, results: Results, expectation: Expectation
    ) -> None:
        self._client = client
        self._terms = terms
        self._waiters = waiters
        self._results = results
        self._expectation = expectation

    def take(self, request: Request) -> Response:
        """Make a job of a request, and answer as soon as that is due."""
        if request.method not in METHODS:
            return problem(501, f"the method is none of {', '.join(METHODS)}")
        if not self._terms.allows(request.path):
            return problem(404, f"no request to {request.path} is taken here")
        preferences = prefer.read(request.headers.getlist("Prefer"))
        try:
            job_id = self._submit(request, preferences)
        except PubsubctlError as error:
            return of_error(error)
        wait_s = self._wait_s(preferences)
        taken = _Taken(job_id, preferences, wait_s, request.method, request.path, request.script_root)
        return (self._answered(taken) if wait_s else None) or self._accepted(taken)

    def _submit(self, request: Request, preferences: prefer.Preferences) -> str:
        content = inbound.body(request, self._terms.max_body)
        try:
            job = self._client.submit(
                request.method,
                inbound.target(request.environ),
                data=content,
                headers=inbound.headers(request, preferences, token=self._terms.token),
            )
        except BrokerUnreachable as error:
            if not error.in_store:
                raise
            return error.in_store[0]  # a worker publishes it: nothing is lost
        return job.id

    def _wait_s(self, preferences: prefer.Preferences) -> float:
        if preferences.wait_s is not None:
            return min(preferences.wait_s, self._terms.max_wait_s)
        return 0.0 if preferences.respond_async else self._terms.default_wait_s

    def _answered(self, taken: _Taken) -> Response | None:
        """The answer to one who waits; None where too many do."""
        until = time.monotonic() + taken.wait_s
        wait = self._waiters.enter(taken.job_id)
        if wait is None:
            return None
        wait.look()

        def make() -> Response:
            if wait.job is None:
                return self._accepted(taken)
            self._expectation.learn([wait.job])
            try:
                answer = self._results.of_ended(wait.job)
            except PubsubctlError as error:
                answer = of_error(error)
            return _applied(answer, taken.preferences.applied(taken.wait_s, accepted=False))

        return Later(wait, until, make, self._waiters)

    def _accepted(self, taken: _Taken) -> Response:
        """202, and where to ask."""
        links = links_of(taken.job_id, taken.root)
        answer = json_of({"id": taken.job_id, "links": links}, 202)
        answer.headers["Location"] = links["self"]
        answer.headers[JOB_FIELD] = taken.job_id
        answer.headers.extend(later(self._expectation.first_s(taken.method, taken.path)))
        return _applied(answer, taken.preferences.applied(taken.wait_s, accepted=True))


def _applied(answer: Response, preferences: str | None) -> Response:
    answer.headers.add("Vary", "Prefer")
    if preferences:
        answer.headers["Preference-Applied"] = preferences
    return answer
