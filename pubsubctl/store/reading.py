"""What people ask: ``get``, ``request``, ``response``, ``find``, ``counts``, ``pending``."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from heapq import merge
from typing import Any

from sqlalchemy.sql import bindparam, func, literal_column, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from pubsubctl.exchange import Request, Response
from pubsubctl.job import FINISHED, Job, JobState, Reason
from pubsubctl.store import rows
from pubsubctl.store.answers import Page
from pubsubctl.store.paging import LAST_ID, NEWEST, Position, cursor_after, cursor_at, position_of
from pubsubctl.store.schema import constant, jobs, requests, responses
from pubsubctl.store.statements import AnyOf, Matches, Statement
from pubsubctl.store.tallies import READ
from pubsubctl.store.transaction import Transaction

JOB_COLUMNS = tuple(jobs.c[field.name] for field in fields(Job))

_REQUEST = (requests.c.method, requests.c.path, requests.c.headers, requests.c.body, requests.c.payload)
_GET = Statement(select(*JOB_COLUMNS).where(AnyOf(jobs.c.id)))
_GET_ENDED = Statement(
    select(*JOB_COLUMNS).where(
        AnyOf(jobs.c.id),
        # Not in a way that an index serves: SQLite would go through all that ever ended, for the few asked for.
        func.coalesce(jobs.c.state, constant("")).in_([constant(state) for state in sorted(FINISHED)]),
    )
)
_GET_REQUESTS = Statement(select(requests.c.job_id, *_REQUEST).where(AnyOf(requests.c.job_id)))
_RESPONSE = (responses.c.status, responses.c.headers, responses.c.body, responses.c.phrase, responses.c.payload)
_GET_RESPONSE = Statement(select(*_RESPONSE).where(responses.c.job_id == bindparam("of_job")))
_GET_RESPONSES = Statement(select(responses.c.job_id, *_RESPONSE).where(AnyOf(responses.c.job_id)))
_COUNT_BATCH = Statement(
    select(jobs.c.state, func.count()).where(jobs.c.batch_id == bindparam("of_batch")).group_by(jobs.c.state)
)

_PENDING = Statement(
    select(func.count()).where(
        jobs.c.topic == bindparam("of_topic"),
        jobs.c.due_at.is_not(None),
        jobs.c.state != constant(JobState.FAILED),
        jobs.c.not_before.is_(None) | (jobs.c.not_before <= bindparam("at_most")),
    )
)


_position = tuple_(jobs.c.created_at, jobs.c.id)
_NEWEST_FIRST = (jobs.c.created_at.desc(), jobs.c.id.desc())
_BEFORE = _position < tuple_(bindparam("before"), bindparam("before_id"))
_NOT_BEYOND = _position >= tuple_(bindparam("earliest"), bindparam("earliest_id"))

LOOKED_AT = 5000
"""As many jobs of a range as a page looks at for those of a worker, which no index finds; so few that PostgreSQL reads
them from an index, and not the whole table, however it guesses."""


def _in_range(*, of_state: bool, of_batch: bool, of_reason: bool) -> list[ColumnElement[bool]]:
    """What tells a range of an index."""
    conditions = (
        (jobs.c.state == bindparam("in_state"), of_state and not of_reason),
        (jobs.c.state == constant(JobState.FAILED), of_reason),
        (jobs.c.reason == bindparam("for_reason"), of_reason and not of_batch),
        # Not in a way that an index serves: a batch is smaller than all that failed for a reason.
        (func.coalesce(jobs.c.reason, constant("")) == bindparam("for_reason"), of_reason and of_batch),
        (jobs.c.batch_id == bindparam("of_batch"), of_batch),
    )
    return [_BEFORE, *(condition for condition, wanted in conditions if wanted)]


@cache
def _page(*, of_path: bool, of_worker: bool, **of_range: bool) -> Statement:
    """One range of an index, newest first."""
    conditions = _in_range(**of_range)
    # A bound of whole positions where jobs are looked at one by one: very many may have been created at one time.
    conditions.append(_NOT_BEYOND if of_worker else jobs.c.created_at >= bindparam("earliest"))
    if of_path:
        conditions.append(Matches(jobs.c.path))
    if of_worker:
        conditions.append(jobs.c.worker == bindparam("of_worker"))
    return Statement(select(*JOB_COLUMNS).where(*conditions).order_by(*_NEWEST_FIRST).limit(bindparam("most")))


@cache
def _far(**of_range: bool) -> Statement:
    """The position of a job so many places down a range of an index."""
    conditions = _in_range(**of_range)
    position = select(jobs.c.created_at, jobs.c.id).where(*conditions, jobs.c.created_at >= bindparam("earliest"))
    return Statement(position.order_by(*_NEWEST_FIRST).limit(literal_column("1")).offset(bindparam("places")))


def jobs_by_id(transaction: Transaction, job_ids: Sequence[str]) -> dict[str, Job]:
    """The jobs that there are."""
    return {row[0]: rows.job(row) for row in transaction.fetch_any(_GET, job_ids)}


def ended_by_id(transaction: Transaction, job_ids: Sequence[str]) -> list[Job]:
    """See ``Store.ended``."""
    return [rows.job(row) for row in transaction.fetch_any(_GET_ENDED, job_ids)]


def requests_by_id(transaction: Transaction, job_ids: Sequence[str]) -> dict[str, Request]:
    """The requests that there are."""
    return {row[0]: rows.request(row[1:]) for row in transaction.fetch_any(_GET_REQUESTS, job_ids)}


def response_of(transaction: Transaction, job_id: str) -> Response | None:
    """See ``Store.response``."""
    found = transaction.fetch(_GET_RESPONSE, of_job=job_id)
    return rows.response(found[0]) if found else None


def responses_by_id(transaction: Transaction, job_ids: Sequence[str]) -> dict[str, Response]:
    """See ``Store.responses``."""
    return {row[0]: rows.response(row[1:]) for row in transaction.fetch_any(_GET_RESPONSES, job_ids)}


def counts(transaction: Transaction, batch_id: str | None) -> dict[JobState, int]:
    """See ``Store.counts``."""
    if batch_id is None:
        return transaction.tally.counted(transaction.fetch(READ))
    found = transaction.fetch(_COUNT_BATCH, of_batch=batch_id)
    return dict.fromkeys(JobState, 0) | {rows.STATES[state]: number for state, number in found}


def pending(transaction: Transaction, topic: str, within_s: float) -> int:
    """See ``Store.pending``."""
    at_most = transaction.now() + within_s
    number: int = transaction.fetch(_PENDING, of_topic=topic, at_most=at_most)[0][0]
    return number


@dataclass(frozen=True, slots=True)
class Filter:
    """What ``Store.find`` is asked for; see there."""

    states: Sequence[JobState] = ()
    batch_id: str | None = None
    reasons: Sequence[Reason] = ()
    path: str | None = None
    older_than_s: float | None = None
    newer_than_s: float | None = None
    worker: str | None = None

    def ranges(self) -> list[dict[str, str]]:
        """What tells the ranges of an index apart, of which a page is merged."""
        if self.reasons:
            wanted = not self.states or JobState.FAILED in self.states
            return [{"for_reason": str(reason)} for reason in dict.fromkeys(self.reasons)] if wanted else []
        if self.states or self.batch_id is not None:
            return [{"in_state": str(state)} for state in dict.fromkeys(self.states or JobState)]
        return [{}]

    def _of_range(self) -> dict[str, bool]:
        of_batch = self.batch_id is not None
        return {"of_state": bool(self.states) or of_batch, "of_batch": of_batch, "of_reason": bool(self.reasons)}

    def statement(self) -> Statement:
        """What reads one of the ranges."""
        return _page(of_path=self.path is not None, of_worker=self.worker is not None, **self._of_range())

    def far(self) -> Statement:
        """What finds how far down one of the ranges a page may look."""
        return _far(**self._of_range())


def find(transaction: Transaction, wanted: Filter, *, limit: int, cursor: str | None) -> Page:
    """See ``Store.find``.

    Each state, or reason, is a range of an index, in order; a page is merged from them. So a rare one is found at
    once among a million others, which no single ordered scan could do.
    """
    now = transaction.now()
    before = position_of(cursor) if cursor is not None else NEWEST
    if wanted.older_than_s is not None:
        before = min(before, (now - wanted.older_than_s, LAST_ID))
    asked: dict[str, Any] = {
        "before": before[0],
        "before_id": before[1],
        "earliest": now - wanted.newer_than_s if wanted.newer_than_s is not None else -math.inf,
        "earliest_id": "",
        "of_batch": wanted.batch_id,
        "of_worker": wanted.worker,
        "most": limit + 1,
    }
    if wanted.path is not None:
        asked |= Matches.parameters(wanted.path)
    end = _end_of_look(transaction, wanted, asked) if wanted.worker is not None else None
    if end is not None:
        asked |= {"earliest": end[0], "earliest_id": end[1]}
    statement = wanted.statement()
    ranges = [[rows.job(row) for row in transaction.fetch(statement, **asked, **which)] for which in wanted.ranges()]
    found = list(merge(*ranges, key=lambda job: (job.created_at, job.id), reverse=True))
    page = found[:limit]
    if page and len(found) > limit:
        return Page(page, cursor_after(page[-1]))
    return Page(page, cursor_at(end) if end is not None else None)


def _end_of_look(transaction: Transaction, wanted: Filter, asked: Mapping[str, Any]) -> Position | None:
    """The last position that a page looks at; None where all that there is can be looked at."""
    far = wanted.far()
    ends = [transaction.fetch(far, places=LOOKED_AT - 1, **asked, **which) for which in wanted.ranges()]
    return max(((row[0], row[1]) for each in ends for row in each), default=None)
