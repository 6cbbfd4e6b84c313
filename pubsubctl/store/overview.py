"""What a page of figures shows of a whole store: ``activity`` and ``batches``. It is read from indexes alone."""

from collections.abc import Sequence

from sqlalchemy import Float, Integer
from sqlalchemy.sql import bindparam, case, func, literal_column, select
from sqlalchemy.sql.selectable import ScalarSelect

from pubsubctl.job import JobState
from pubsubctl.store.answers import Activity, BatchSeen
from pubsubctl.store.measuring import COUNTED, SAMPLE, TIMED, TIMES_KEPT, Window
from pubsubctl.store.schema import constant, jobs
from pubsubctl.store.statements import Listed, Statement
from pubsubctl.store.transaction import Transaction

NEWEST_JOBS = 5000
"""As many jobs are looked at for their batches, the newest first; that is all where these have enough batches."""
BATCHES_MET = 1000
"""Else as many batches, from the last by name: those that we have named are in the order of their time."""

_ONE = literal_column("1", Integer())

_FIRST = select(literal_column("0", Integer()).label("number")).cte("steps", recursive=True)
_STEPS = _FIRST.union_all(
    select(_FIRST.c.number + _ONE).where(_FIRST.c.number < bindparam("last_step", type_=Integer()))
)


def _ended(state: JobState) -> ScalarSelect[int]:
    """How many jobs ended so in a step: as many as there are entries in a range of an index."""
    begins_at, step_s = bindparam("begins_at", type_=Float(53)), bindparam("step_s", type_=Float(53))
    last = _STEPS.c.number == bindparam("last_step", type_=Integer())
    end = case((last, bindparam("until", type_=Float(53))), else_=begins_at + (_STEPS.c.number + _ONE) * step_s)
    return (
        select(func.count())
        .select_from(jobs)
        .where(
            jobs.c.state == constant(state),
            jobs.c.finished_at > begins_at + _STEPS.c.number * step_s,
            jobs.c.finished_at <= end,
        )
        .scalar_subquery()
    )


_ACTIVITY = Statement(select(*map(_ended, COUNTED)).select_from(_STEPS).order_by(_STEPS.c.number))
_LATEST = Statement(
    select(*(jobs.c[name] for name in SAMPLE))
    .where(
        jobs.c.state == bindparam("in_state"),
        jobs.c.finished_at > bindparam("begins_at"),
        jobs.c.finished_at <= bindparam("until"),
    )
    .order_by(jobs.c.finished_at.desc())
    .limit(bindparam("most"))
)


def activity(transaction: Transaction, *, within_s: float, steps: int) -> Activity:
    """See ``Store.activity``."""
    window = Window.of(transaction.now(), within_s, steps)
    bounds = {"begins_at": window.begins_at, "until": window.until}
    found = transaction.fetch(_ACTIVITY, **bounds, step_s=window.step_s, last_step=steps - 1)
    latest = [transaction.fetch(_LATEST, **bounds, in_state=str(state), most=TIMES_KEPT) for state in TIMED]
    return window.activity(list(zip(*found, strict=True)), (row for each in latest for row in each))


# From the newest job to an older one, in the order of jobs_created.
_NEWEST = (
    select(jobs.c.batch_id, jobs.c.created_at)
    .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    .limit(bindparam("looked_at"))
    .subquery()
)
_OF_NEWEST = Statement(
    select(_NEWEST.c.batch_id, func.max(_NEWEST.c.created_at))
    .where(_NEWEST.c.batch_id.is_not(None))
    .group_by(_NEWEST.c.batch_id)
)
# From one batch to the next, past all of its jobs.
_OTHER = jobs.alias("other")
_LAST = select(func.max(jobs.c.batch_id).label("batch_id"), _ONE.label("number")).where(jobs.c.batch_id.is_not(None))
_MET = _LAST.cte("met", recursive=True)
_MET = _MET.union_all(
    select(
        select(func.max(_OTHER.c.batch_id)).where(_OTHER.c.batch_id < _MET.c.batch_id).scalar_subquery(),
        _MET.c.number + _ONE,
    ).where(_MET.c.batch_id.is_not(None), _MET.c.number < bindparam("most", type_=Integer()))
)


def _newest(state: JobState) -> ScalarSelect[float]:
    return (
        select(func.max(jobs.c.created_at))
        .where(jobs.c.batch_id == _MET.c.batch_id, jobs.c.state == constant(state))
        .scalar_subquery()
    )


_BY_NAME = Statement(select(_MET.c.batch_id, *map(_newest, JobState)).where(_MET.c.batch_id.is_not(None)))
_WANTED = Listed().rows()


def _number(state: JobState) -> ScalarSelect[int]:
    """How many jobs of a batch are in a state.

    For each by itself: to group the jobs of many batches a database may rather read all jobs that there are.
    """
    return (
        select(func.count())
        .select_from(jobs)
        .where(jobs.c.batch_id == _WANTED.c.value, jobs.c.state == constant(state))
        .scalar_subquery()
    )


_COUNTS = Statement(select(_WANTED.c.value, *map(_number, JobState)))


def batches(transaction: Transaction, limit: int) -> list[BatchSeen]:
    """See ``Store.batches``."""
    created_at: dict[str, float] = dict(transaction.fetch(_OF_NEWEST, looked_at=NEWEST_JOBS))
    if len(created_at) < limit:
        met: Sequence[Sequence[float | None]] = transaction.fetch(_BY_NAME, most=BATCHES_MET)
        created_at |= {str(row[0]): max(each for each in row[1:] if each is not None) for row in met}
    seen = sorted(created_at, key=lambda batch_id: (created_at[batch_id], batch_id), reverse=True)[:limit]
    counts = {row[0]: dict(zip(JobState, row[1:], strict=True)) for row in transaction.fetch_any(_COUNTS, seen)}
    return [BatchSeen(batch_id, created_at[batch_id], counts[batch_id]) for batch_id in seen]
