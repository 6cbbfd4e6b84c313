"""A resource of the gateway's own: what it does for each method, and what it says to the others."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, request
from werkzeug.routing import Rule

from pubsubctl.errors import PubsubctlError
from pubsubctl.gateway.documents import nothing
from pubsubctl.gateway.problems import of_error, problem


def add(app: Flask, path: str, views: Mapping[str, Callable[..., Response]]) -> None:
    """Have an application answer for a resource: no request to it becomes a job.

    Args:
        app: it.
        path: Flask's pattern.
        views: what answers, by method; GET answers HEAD too. Others are refused with 405, and OPTIONS tells of them.
    """
    methods = [method for name in views for method in ((name, "HEAD") if name == "GET" else (name,))]
    allow = ", ".join([*methods, "OPTIONS"])

    def answer(**given: Any) -> Response:
        view = views.get("GET" if request.method == "HEAD" else request.method)
        if view is None:
            return _refused(allow)
        try:
            return view(**given)
        except PubsubctlError as error:
            return of_error(error)

    app.url_map.add(Rule(path, endpoint=path))
    app.view_functions[path] = answer


def _refused(allow: str) -> Response:
    if request.method == "OPTIONS":
        return nothing(Allow=allow)
    return problem(405, f"{request.method} is not done to {request.path}; {allow} are", headers={"Allow": allow})
