"""Header fields and parameters, as the OpenAPI document describes them."""

from typing import Any

from pubsubctl.gateway.jobs import MOST_JOBS
from pubsubctl.gateway.schemas import JOB_ID
from pubsubctl.job import JobState, Reason

_DURATION = r"^[0-9]+(\.[0-9]+)?[smhd]?$"


def parameter(name: str) -> dict[str, str]:
    """One of ``PARAMETERS``, where it is named."""
    return {"$ref": f"#/components/parameters/{name}"}


def _field(description: str, schema: dict[str, Any], *, required: bool = False, example: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": description, "schema": schema}
    if required:
        found["required"] = True
    return found if example is None else {**found, "example": example}


_SECONDS = {"type": "integer", "minimum": 1}
_TEXT = {"type": "string"}

FIELDS: dict[str, dict[str, Any]] = {
    "Link": _field(
        'the next page, with `rel="next"` (RFC 8288)', _TEXT, example='</_jobs?limit=100&cursor=01a2>; rel="next"'
    ),
    "Location": _field(
        "the job", {"type": "string", "format": "uri-reference"}, required=True, example="/_jobs/01a23421cd960000"
    ),
    "Preference-Applied": _field("what was done of Prefer (RFC 7240)", _TEXT, example="respond-async, wait=10"),
    "Pubsubctl-Job": _field(
        "the job that this tells of",
        {"type": "string", "pattern": f"^{JOB_ID}$"},
        required=True,
        example="01a23421cd96",
    ),
    "Retry-After": _field("after how many seconds it is worth asking again", _SECONDS, example=2),
    "Vary": _field("what of the request the response depends on", _TEXT, example="Prefer"),
    "WWW-Authenticate": _field(
        "what is asked for (RFC 6750)", _TEXT, required=True, example='Bearer realm="pubsubctl"'
    ),
}
"""Of responses, by name."""


def _given(name: str, where: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "description": description, "schema": schema, **more}


def _filter(name: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return _given(name, "query", description, schema, **more)


def _several(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": [*map(str, kind)]}}


PARAMETERS: dict[str, dict[str, Any]] = {
    "job_id": _given(
        "job_id",
        "path",
        "the job's id",
        {"type": "string", "pattern": f"^{JOB_ID}$"},
        required=True,
        example="01a23421",
    ),
    "any_path": _given(
        "path",
        "path",
        "the application's path; its slashes are left as they are",
        _TEXT,
        required=True,
        example="predict",
    ),
    "state": _filter("state", "only jobs in one of these states", _several(JobState), example=["failed"]),
    "reason": _filter("reason", "only jobs that retry, or failed, for one of these reasons", _several(Reason)),
    "batch": _filter("batch", "only jobs of a batch", _TEXT),
    "path": _filter("path", "only jobs whose path and query match this shell pattern", _TEXT, example="/predict*"),
    "worker": _filter("worker", "only jobs that this worker runs, or ran last", _TEXT),
    "older_than": _filter(
        "older_than",
        "only jobs submitted longer ago: `90s`, `10m`, `2h`, `7d`, or seconds",
        {"type": "string", "pattern": _DURATION},
    ),
    "newer_than": _filter("newer_than", "only jobs submitted since", {"type": "string", "pattern": _DURATION}),
    "limit": _filter(
        "limit", "how many at most", {"type": "integer", "minimum": 1, "maximum": MOST_JOBS, "default": 100}, example=20
    ),
    "cursor": _filter("cursor", "where the page begins, as the one before it has said", _TEXT),
    "Last-Event-ID": _given("Last-Event-ID", "header", "the id of the last event that was seen", _TEXT),
    "Prefer": _given(
        "Prefer",
        "header",
        "`wait=N`: wait up to N seconds for the application's response; `respond-async`: rather do not (RFC 7240)",
        _TEXT,
        example="wait=10",
    ),
    "Idempotency-Key": _given(
        "Idempotency-Key",
        "header",
        "the same key gives the same job back (draft-ietf-httpapi-idempotency-key-header)",
        {"type": "string", "minLength": 1, "maxLength": 1024},
        example='"5ec5a5c2-ab1f-44d7"',
    ),
    "traceparent": _given(
        "traceparent",
        "header",
        "the trace that this belongs to (W3C Trace Context)",
        _TEXT,
        example="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
}
"""Of requests, by name."""
