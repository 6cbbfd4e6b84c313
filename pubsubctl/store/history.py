"""A job's timeline: what its own row tells, and its events, oldest first."""

from sqlalchemy.sql import bindparam, select

from pubsubctl.store import rows
from pubsubctl.store.reading import JOB_COLUMNS
from pubsubctl.store.schema import events, jobs
from pubsubctl.store.statements import Statement
from pubsubctl.store.telling import KINDS, Told, timeline
from pubsubctl.store.timeline import Event
from pubsubctl.store.transaction import Transaction

_JOB = Statement(
    select(jobs.c.published_at, jobs.c.first_message_id, *JOB_COLUMNS).where(jobs.c.id == bindparam("of_job"))
)
_EVENTS = Statement(
    select(
        events.c.at,
        events.c.kind,
        events.c.attempt,
        events.c.worker,
        events.c.message_id,
        events.c.text,
        events.c.log,
        events.c.began_at,
    )
    .where(events.c.job_id == bindparam("of_job"))
    .order_by(events.c.number)
)


def history(transaction: Transaction, job_id: str) -> list[Event]:
    """See ``Store.history``."""
    found = transaction.fetch(_JOB, of_job=job_id)
    if not found:
        return []
    published_at, first_message_id, *row = found[0]
    told = told_of(transaction, job_id)
    return timeline(rows.job(row), told, published_at=published_at, first_message_id=first_message_id)


def told_of(transaction: Transaction, job_id: str) -> list[Told]:
    """The events of a job, in the order in which they were written."""
    return [Told(Event(row[0], KINDS[row[1]], *row[2:7]), row[7]) for row in transaction.fetch(_EVENTS, of_job=job_id)]
