"""The gateway as a Flask application, on any WSGI server; on ``server.Server`` those who wait hold no thread."""

import time
from typing import Any

from flask import Flask, Response, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from pubsubctl.client import Client
from pubsubctl.gateway import cors, guard, resource
from pubsubctl.gateway.dashboard.blueprint import PREFIX as DASHBOARD
from pubsubctl.gateway.dashboard.blueprint import blueprint
from pubsubctl.gateway.documents import PREFIX, json_of, root_of
from pubsubctl.gateway.expectation import Expectation
from pubsubctl.gateway.jobs import Jobs
from pubsubctl.gateway.openapi import described
from pubsubctl.gateway.posting import Posting
from pubsubctl.gateway.problems import later, of_http, problem
from pubsubctl.gateway.rate import Rate
from pubsubctl.gateway.results import Results
from pubsubctl.gateway.submitting import Submitting
from pubsubctl.gateway.terms import Terms
from pubsubctl.gateway.waiters import Waiters


class Gateway:
    """A gateway to the jobs of a client. Close it before the client.

    ::

        from pubsubctl import Client
        from pubsubctl.gateway import Gateway, Terms

        gateway = Gateway(Client(), Terms(token=...))
        app = gateway.wsgi  # for any WSGI server

    Args:
        client: submits jobs, and knows them.
        terms: what is allowed.
    """

    def __init__(self, client: Client, terms: Terms | None = None) -> None:
        self._terms = terms or Terms()
        self._rate = Rate(self._terms.rate_per_s)
        self._waiters = Waiters(client.store, most=self._terms.max_waits)
        expectation = Expectation(client.store)
        results = Results(client, sandboxed=self._terms.dashboard, own_cors=bool(self._terms.cors_origins))
        self._posting = Posting(client)
        self._submitting = Submitting(self._posting, self._terms, self._waiters, results, expectation)
        self.wsgi = self._app(client, Jobs(client, self._waiters, results, expectation))

    def close(self) -> None:
        """Let those who wait go with what is known."""
        self._posting.close()
        self._waiters.close()

    def _app(self, client: Client, jobs: Jobs) -> Flask:
        app = Flask(__name__, static_folder=None)
        app.url_map.strict_slashes = False
        app.url_map.merge_slashes = False
        app.url_map.redirect_defaults = False
        app.before_request(self._first)
        app.after_request(self._last)
        app.register_error_handler(HTTPException, of_http)
        app.register_error_handler(Exception, _failed)
        jobs.add_to(app)
        resource.add(app, f"{PREFIX}/openapi.json", {"GET": self._described})
        if self._terms.dashboard:
            app.register_blueprint(blueprint(client, token=self._terms.token, hosts=self._terms.hosts or ()))
        reserved = () if self._terms.dashboard else (DASHBOARD, f"{DASHBOARD}/<path:_>")
        for path in (f"{PREFIX}/<path:_>", *reserved):
            app.url_map.add(Rule(path, endpoint="unknown"))
        app.view_functions["unknown"] = _unknown
        for path in ("/", "/<path:_>"):  # with any method
            app.url_map.add(Rule(path, endpoint="submit"))
        app.view_functions["submit"] = self._submit
        return app

    def _first(self) -> Response | None:
        wait_s = self._rate.wait_s(request.remote_addr or "", time.monotonic())
        if wait_s:
            return problem(429, "too many requests come from this address", headers=later(wait_s))
        if _is_of_dashboard():  # it asks people to sign in
            return None
        if (answer := cors.preflight(request, self._terms.cors_origins)) is not None:
            return answer
        return guard.refusal(request, self._terms)

    def _last(self, response: Response) -> Response:
        if not _is_of_dashboard():
            cors.allow(request, response, self._terms.cors_origins)
            # Caches know that what Authorization opens is not for all, and of no other field.
            if self._terms.token is not None:
                response.headers.add("Vary", guard.OWN_FIELD.title())
        return response

    def _submit(self, _: str = "") -> Response:
        if _is_below(PREFIX) or _is_below(DASHBOARD):  # a method, or a "//", that no rule of theirs takes
            return _unknown()
        return self._submitting.take(request)

    def _described(self) -> Response:
        return json_of(described(self._terms, root_of(request)))


def _unknown(_: str = "") -> Response:
    return problem(404, f"there is nothing at {request.path}; {PREFIX}/openapi.json says what there is")


def _is_of_dashboard() -> bool:
    # Not by its path: that of another rule may begin with the same, as /_dashboard//x does.
    return request.blueprint == "dashboard"


def _is_below(prefix: str) -> bool:
    return request.path == prefix or request.path.startswith(f"{prefix}/")


def _failed(error: Exception) -> Any:
    """A fault of ours: the log has it, the client learns no more than that."""
    import logging

    logging.getLogger("pubsubctl.gateway").error("a request failed", exc_info=error)
    return problem(500, "the gateway has failed to answer this; its log says why")


def viewer(client: Client, terms: Terms) -> Flask:
    """The dashboard alone, as an application: nothing that is asked becomes a job.

    Args:
        client: whose jobs it shows.
        terms: who may look.
    """
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(blueprint(client, token=terms.token, hosts=terms.hosts or ()))
    app.add_url_rule("/", "start", lambda: redirect(url_for("dashboard.now")))
    return app
