"""What the gateway's JSON looks like, as schemas of JSON Schema 2020-12."""

from typing import Any

from pubsubctl.exchange import METHODS
from pubsubctl.job import JobState, Reason

JOB_ID = "[A-Za-z0-9_-]{1,64}"
_AN_ID = "01a23421cd960000cdfcb53edde5"

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """One of ``SCHEMAS``, where it is named."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, properties: Schema, *, example: Any, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "examples": [example],
    }


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _maybe(kind: str, description: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": description, **more}


def _time(description: str, *, known: bool = False) -> Schema:
    return {"type": "string" if known else ["string", "null"], "format": "date-time", "description": description}


def links(job_id: str = _AN_ID) -> dict[str, str]:
    """Links as an example has them."""
    here = f"/_jobs/{job_id}"
    return {"self": here, "result": f"{here}/result", "events": f"{here}/events"}


A_JOB = {
    "id": _AN_ID,
    "state": "running",
    "reason": None,
    "method": "POST",
    "path": "/predict?model=a",
    "batch_id": None,
    "attempt": 1,
    "failures": 0,
    "crashes": 0,
    "max_attempts": None,
    "timeout_s": None,
    "worker": "host-4711-c0ffee",
    "created_at": "2026-12-02T00:22:40.150Z",
    "not_before": None,
    "started_at": "2026-12-02T00:22:40.170Z",
    "finished_at": None,
    "http_status": None,
    "error": None,
    "progress": {"fraction": 0.4, "note": "epoch 2/5"},
    "result_bytes": None,
    "idempotency_key": None,
    "ordering_key": None,
    "links": links(),
}

_JOB = _object(
    "A job: the request that it is to run, and how far that has got.",
    {
        "id": _text("its id", pattern=f"^{JOB_ID}$"),
        "state": _text("where it is in its life", enum=[*map(str, JobState)]),
        "reason": {"description": "why it is retrying, or has failed", "enum": [*map(str, Reason), None]},
        "method": _text("the request's method", enum=list(METHODS)),
        "path": _text("the request's path and query", pattern="^/"),
        "batch_id": _maybe("string", "the batch that it belongs to"),
        "attempt": {"type": "integer", "minimum": 0, "description": "how many attempts were begun"},
        "failures": {"type": "integer", "minimum": 0, "description": "how many of them ended with a failure"},
        "crashes": {"type": "integer", "minimum": 0, "description": "how many of them ended without a word"},
        "max_attempts": _maybe("integer", "failures that it is allowed; null: as its worker has it", minimum=1),
        "timeout_s": _maybe("number", "seconds that an attempt may take; null: as its worker has it"),
        "worker": _maybe("string", "who runs it, or ran it last"),
        "created_at": _time("when it was submitted", known=True),
        "not_before": _time("when it is due, if that is later than now"),
        "started_at": _time("when its last attempt began"),
        "finished_at": _time("when it ended; null as long as it has not"),
        "http_status": _maybe("integer", "the status that the application answered with", minimum=100, maximum=999),
        "error": _maybe("string", "what went wrong, in words"),
        "progress": _object(
            "what the application has reported last",
            {
                "fraction": _maybe("number", "how much of it is done", minimum=0, maximum=1),
                "note": _maybe("string", "what it is at"),
            },
            example=A_JOB["progress"],
        ),
        "result_bytes": _maybe("integer", "how long the response's body is", minimum=0),
        "idempotency_key": _maybe("string", "the key that it was submitted with"),
        "ordering_key": _maybe("string", "jobs of one such key run one after another"),
        "links": ref("Links"),
    },
    example=A_JOB,
)

SCHEMAS: dict[str, Schema] = {
    "Job": _JOB,
    "Links": _object(
        "Where a job is asked for.",
        {
            "self": _text("the job", format="uri-reference"),
            "result": _text("what the application answered", format="uri-reference"),
            "events": _text("what happens to it, as it happens", format="uri-reference"),
        },
        example=links(),
    ),
    "Accepted": _object(
        "A request that has become a job.",
        {"id": _text("the job's id", pattern=f"^{JOB_ID}$"), "links": ref("Links")},
        example={"id": _AN_ID, "links": links()},
    ),
    "JobList": _object(
        "A page of jobs, the newest first.",
        {
            "jobs": {"type": "array", "items": ref("Job")},
            "next": _maybe("string", "where the next page is; null: this is the last one", format="uri-reference"),
        },
        example={"jobs": [A_JOB], "next": None},
    ),
    "Problem": _object(
        "What went wrong (RFC 9457).",
        {
            "type": _text("always about:blank: the status says what kind of problem it is", format="uri-reference"),
            "title": _text("the status in words"),
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "the status code"},
            "detail": _text("what is wrong with this very request, and what to do about it"),
            "state": _text("of a job that cannot be cancelled: its state", enum=[*map(str, JobState)]),
            "job": {
                "type": "object",
                "description": "of a job that ended without a response: the job, without links",
            },
        },
        optional=("state", "job"),
        example={
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no job '01a2'",
        },
    ),
}
"""By their names in the document."""
