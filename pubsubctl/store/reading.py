"""What people ask: ``get``, ``request``, ``response``, ``find``, ``counts``."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import fields
from heapq import merge

from sqlalchemy.sql import Select, bindparam, func, select, tuple_

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job, JobState
from pubsubctl.store import rows
from pubsubctl.store.base import Page
from pubsubctl.store.schema import jobs, requests, responses
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

JOB_COLUMNS = tuple(jobs.c[field.name] for field in fields(Job))

_REQUEST = (requests.c.method, requests.c.path, requests.c.headers, requests.c.body)
_GET = Statement(select(*JOB_COLUMNS).where(AnyOf(jobs.c.id)))
_GET_REQUESTS = Statement(select(requests.c.job_id, *_REQUEST).where(AnyOf(requests.c.job_id)))
_GET_RESPONSE = Statement(
    select(responses.c.status, responses.c.headers, responses.c.body, responses.c.phrase).where(
        responses.c.job_id == bindparam("of_job")
    )
)
_COUNT = Statement(select(jobs.c.state, func.count()).group_by(jobs.c.state))
_COUNT_BATCH = Statement(
    select(jobs.c.state, func.count()).where(jobs.c.batch_id == bindparam("of_batch")).group_by(jobs.c.state)
)

Position = tuple[float, str]
_NEWEST: Position = (float("inf"), "")


def _newest_first() -> Select[tuple[object, ...]]:
    return (
        select(*JOB_COLUMNS)
        .where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(bindparam("before"), bindparam("before_id")))
        .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        .limit(bindparam("most"))
    )


_IN_STATE = jobs.c.state == bindparam("in_state")
_IN_BATCH = jobs.c.batch_id == bindparam("of_batch")
_FIND = Statement(_newest_first())
_FIND_STATE = Statement(_newest_first().where(_IN_STATE))
_FIND_BATCH_STATE = Statement(_newest_first().where(_IN_STATE, _IN_BATCH))


def jobs_by_id(transaction: Transaction, job_ids: Sequence[str]) -> dict[str, Job]:
    """The jobs that there are."""
    return {row[0]: rows.job(row) for row in transaction.fetch_any(_GET, job_ids)}


def requests_by_id(transaction: Transaction, job_ids: Sequence[str]) -> dict[str, Request]:
    """The requests that there are."""
    return {row[0]: rows.request(row[1:]) for row in transaction.fetch_any(_GET_REQUESTS, job_ids)}


def response_of(transaction: Transaction, job_id: str) -> Response | None:
    """See ``Store.response``."""
    found = transaction.fetch(_GET_RESPONSE, of_job=job_id)
    return rows.response(found[0]) if found else None


def counts(transaction: Transaction, batch_id: str | None) -> dict[JobState, int]:
    """See ``Store.counts``."""
    found = transaction.fetch(_COUNT) if batch_id is None else transaction.fetch(_COUNT_BATCH, of_batch=batch_id)
    return dict.fromkeys(JobState, 0) | {rows.STATES[state]: number for state, number in found}


def find(
    transaction: Transaction, *, states: Sequence[JobState], batch_id: str | None, limit: int, cursor: str | None
) -> Page:
    """See ``Store.find``.

    Each state is a range of an index, in order; a page is merged from them. So a rare state is found at once among
    a million others, which no single ordered scan could do.
    """
    before, before_id = _position(cursor) if cursor is not None else _NEWEST
    asked = {"before": before, "before_id": before_id, "most": limit + 1}
    if batch_id is None and not states:
        found = [rows.job(row) for row in transaction.fetch(_FIND, **asked)]
    else:
        statement = _FIND_STATE
        if batch_id is not None:
            statement, asked = _FIND_BATCH_STATE, asked | {"of_batch": batch_id}
        ranges = [
            [rows.job(row) for row in transaction.fetch(statement, in_state=str(state), **asked)]
            for state in dict.fromkeys(states or JobState)
        ]
        found = list(merge(*ranges, key=lambda job: (job.created_at, job.id), reverse=True))
    page = found[:limit]
    return Page(page, _cursor(page[-1]) if page and len(found) > limit else None)


def _cursor(last: Job) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at!r} {last.id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        created_at, _, job_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(" ")
        position = float(created_at), job_id
    except (binascii.Error, ValueError):
        position = _NEWEST
    if not position[1]:
        raise StoreError(f"{cursor!r} is no cursor; pass on the one that the page before gave")
    return position
