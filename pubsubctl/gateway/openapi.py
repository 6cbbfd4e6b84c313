"""What the gateway answers, as an OpenAPI 3.1 document."""

from typing import Any

from pubsubctl import __version__
from pubsubctl.exchange import METHODS
from pubsubctl.gateway.documents import PREFIX
from pubsubctl.gateway.fields import FIELDS, PARAMETERS, parameter
from pubsubctl.gateway.schemas import A_JOB, SCHEMAS, ref
from pubsubctl.gateway.terms import Terms

_ABOUT = """\
Any request to any path becomes a job: a worker has the application answer it, at its own pace. The gateway answers
`202 Accepted` and says where to ask for the job; whoever would rather wait says so (`Prefer: wait=N`), and has the
application's own response if it comes in time. Errors of the gateway are problem details (RFC 9457); a response with
the field `Pubsubctl-Job` tells of a job, or is its result."""

_PROBLEM = {"application/problem+json": {"schema": ref("Problem")}}
_ANYTHING: dict[str, Any] = {"*/*": {}}
_OF_METHODS = {
    "GET": "get", "HEAD": "head", "POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete",
    "OPTIONS": "options", "TRACE": "trace",
}  # fmt: skip
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

_REFUSALS = {
    "400": "The request cannot be used as it is.",
    "401": "The token is missing, or is another one.",
    "403": "It comes from a page of another site, or asks by a name that is not ours.",
    "404": "There is no such job, or nothing at this path.",
    "409": "The job is in a state that does not allow this.",
    "410": "There is no result, and there will be none.",
    "413": "The body, or the request as a whole, is too large.",
    "422": "The idempotency key was used with another request already.",
    "429": "Too many requests come from this client.",
    "431": "The header fields are too large, or too many.",
    "500": "The gateway has failed.",
    "502": "The broker refused, or the job ended without a response.",
    "503": "The store or the broker cannot be reached, or as many wait here as may.",
    "504": "The job's attempts took longer than they may.",
}
_WITH_FIELDS = {"401": ("WWW-Authenticate",), "409": ("Retry-After",), "429": ("Retry-After",), "503": ("Retry-After",)}
_ALWAYS = ("500", "503")


def described(terms: Terms, root: str) -> dict[str, Any]:
    """The document, for a gateway of certain terms.

    Args:
        terms: what it allows, and asks for.
        root: where it is mounted.
    """
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "pubsubctl gateway", "version": __version__, "description": _ABOUT},
        "servers": [{"url": root or "/"}],
        "tags": [
            {"name": "jobs", "description": "Asking for jobs."},
            {"name": "requests", "description": "Requests to the application."},
        ],
        "paths": _paths(terms),
        "components": {"schemas": SCHEMAS, "headers": FIELDS, "parameters": PARAMETERS},
    }
    if terms.token is not None:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "The gateway's token (RFC 6750)."},
            "own": {
                "type": "apiKey",
                "in": "header",
                "name": "Pubsubctl-Token",
                "description": "The same, where Authorization is for the application.",
            },
        }
        document["security"] = [{"bearer": []}, {"own": []}]
    return document


def _paths(terms: Terms) -> dict[str, Any]:
    usual = (*_ALWAYS, *["403" if terms.token is None else "401"], *(["429"] if terms.rate_per_s else []))

    def operation(name: str, summary: str, answers: dict[str, Any], *refusals: str, **more: Any) -> dict[str, Any]:
        refused = {status: _refusal(status) for status in (*refusals, *usual) if status not in answers}
        responses = {**answers, **refused}
        return {
            "operationId": name,
            "summary": summary,
            "tags": ["jobs"],
            "responses": dict(sorted(responses.items())),
            **more,
        }

    def given(*names: str) -> list[dict[str, str]]:
        return [parameter(name) for name in names]

    job = _answer("The job.", ref("Job"), A_JOB, "Retry-After")
    filters = ("state", "reason", "batch", "path", "worker", "older_than", "newer_than", "limit", "cursor")
    application = _anything("What the application answered.", "Pubsubctl-Job")
    one = {"parameters": given("job_id")}
    return {
        PREFIX: {
            "get": operation(
                "listJobs",
                "A page of jobs, the newest first",
                {"200": _answer("The page.", ref("JobList"), {"jobs": [A_JOB], "next": None}, "Link")},
                "400",
                parameters=given(*filters),
            )
        },
        f"{PREFIX}/{{job_id}}": {
            **one,
            "get": operation("getJob", "A job, and when to ask again", {"200": job}, "404"),
            "delete": operation("cancelJob", "Cancel a job that has not ended", {"200": job}, "404", "409"),
        },
        f"{PREFIX}/{{job_id}}/result": {
            **one,
            "get": operation(
                "getResult",
                "The application's own response: its status, header fields and body",
                {
                    **_any_status(application),
                    "404": _or_refusal("404"),
                    "409": _or_refusal("409"),
                    "410": _or_refusal("410"),
                },
            ),
        },
        f"{PREFIX}/{{job_id}}/events": {
            **one,
            "get": operation(
                "followJob",
                "What happens to a job, as server-sent events named `job`, and `end` at its end, with a Job as data",
                {
                    "200": {"description": "The stream.", "content": {"text/event-stream": {}}},
                    "204": {"description": "The event named in Last-Event-ID was the last one: ask no more."},
                },
                "404",
                parameters=given("Last-Event-ID"),
            ),
        },
        f"{PREFIX}/openapi.json": {
            "get": operation("describe", "This document", {"200": _answer("It.", {"type": "object"}, None)})
        },
        "/{path}": _catch_all(terms, operation, given),
    }


def _catch_all(terms: Terms, operation: Any, given: Any) -> dict[str, Any]:
    """Every path and method that is none of the gateway's own."""
    accepted = _answer(
        "The request has become a job.",
        ref("Accepted"),
        {"id": A_JOB["id"], "links": A_JOB["links"]},
        *("Location", "Retry-After", "Pubsubctl-Job", "Preference-Applied", "Vary"),
    )
    accepted["links"] = {
        name: {"operationId": name, "parameters": {"job_id": "$response.body#/id"}}
        for name in ("getJob", "getResult", "followJob", "cancelJob")
    }
    application = _anything("The application's own response, for a request that has waited.", "Pubsubctl-Job")
    refusals = {status: _or_refusal(status) for status in ("400", "404", "413", "422", "431", "502", "504")}
    answers = {**_any_status(application), "202": accepted, **refusals}
    where = f" Paths that match {', '.join(f'`{each}`' for each in terms.allow)} are taken." if terms.allow else ""
    found: dict[str, Any] = {
        "description": f"Any path, of any number of segments; `/` too.{where}",
        "parameters": given("any_path", "Prefer", "Idempotency-Key", "traceparent"),
    }
    for method in METHODS:
        body = {"requestBody": {"description": f"At most {terms.max_body} bytes.", "content": _ANYTHING}}
        found[_OF_METHODS[method]] = operation(
            f"submit{method.title()}",
            f"{method} as a job",
            answers,
            **{"tags": ["requests"], **(body if method in _WITH_BODY else {})},
        )
    return found


def _answer(description: str, schema: dict[str, Any], example: Any, *fields: str) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": schema} if example is None else {"schema": schema, "example": example}
    answer: dict[str, Any] = {"description": description, "content": {"application/json": media}}
    return {**answer, **_fields(*fields)}


def _anything(description: str, *fields: str) -> dict[str, Any]:
    return {"description": description, "content": _ANYTHING, **_fields(*fields)}


def _any_status(application: dict[str, Any]) -> dict[str, Any]:
    return {f"{first}XX": application for first in (2, 3, 4, 5)}


def _refusal(status: str) -> dict[str, Any]:
    return {"description": _REFUSALS[status], "content": _PROBLEM, **_fields(*_WITH_FIELDS.get(status, ()))}


def _or_refusal(status: str) -> dict[str, Any]:
    """Where an application may answer with a status that is one of ours, too."""
    description = f"{_REFUSALS[status]} Or the application's own response."
    return {"description": description, "content": {**_PROBLEM, **_ANYTHING}}


def _fields(*names: str) -> dict[str, Any]:
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}} if names else {}
