"""Rows and what they stand for. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from pubsubctl.exchange import Header, Payload, Request, Response
from pubsubctl.job import Job, JobState

# One encoder for all: json.dumps with separators makes a new one each time.
_encode = json.JSONEncoder(separators=(",", ":")).encode

STATES = {str(state): state for state in JobState}


def job(row: Sequence[Any]) -> Job:
    """A job from a row of ``queries.JOB_COLUMNS``, which are in the order of its attributes."""
    return Job(row[0], STATES[row[1]], *row[2:])


def request_row(job_id: str, request: Request) -> dict[str, Any]:
    """A request as its table takes it."""
    return {
        "job_id": job_id,
        "method": request.method,
        "path": request.path,
        "headers": dump_headers(request.headers),
        "body": request.body,
        "payload": dump_payload(request.payload),
    }


def request(row: Sequence[Any]) -> Request:
    """A request from (method, path, headers, body, payload)."""
    return Request(row[0], row[1], load_headers(row[2]), bytes(row[3]), load_payload(row[4]))


def response_row(job_id: str, response: Response) -> dict[str, Any]:
    """A response as its table takes it."""
    return {
        "job_id": job_id,
        "status": response.status,
        "phrase": text(response.phrase),
        "headers": dump_headers(response.headers),
        "body": response.body,
        "payload": dump_payload(response.payload),
    }


def response(row: Sequence[Any]) -> Response:
    """A response from (status, headers, body, phrase, payload)."""
    return Response(row[0], load_headers(row[1]), bytes(row[2]), row[3], load_payload(row[4]))


def dump_headers(headers: Sequence[Header]) -> str:
    """Headers as JSON, escaped to ASCII: whatever string a header is, the database takes it."""
    return _encode(headers) if headers else "[]"


def load_headers(value: str) -> tuple[Header, ...]:
    """The inverse of ``dump_headers``."""
    return tuple((name, content) for name, content in json.loads(value)) if value != "[]" else ()


def dump_payload(payload: Payload | None) -> str | None:
    """What is known of a body that is kept apart, as one word after another; the key is the last."""
    return f"{payload.digest} {payload.size} {payload.key}" if payload is not None else None


def load_payload(value: str | None) -> Payload | None:
    """The inverse of ``dump_payload``."""
    if value is None:
        return None
    digest, size, key = value.split(" ", 2)
    return Payload(key, int(size), digest)


def text(value: str) -> str:
    """Words for people, as any database takes them: no NUL, no lone surrogates.

    An application's error message must never be what keeps its job from being recorded.
    """
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
