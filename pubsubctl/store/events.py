"""What a job's own row cannot tell is written here: attempts before the last one, refusals, what people asked for.

A job that is published once, claimed once, and answers without a word on its output writes nothing. The end of an
attempt is one event, with when it began.
"""

from collections.abc import Iterable

from sqlalchemy.sql import bindparam, delete, func, insert, literal_column, select

from pubsubctl.store.happening import EventRow
from pubsubctl.store.schema import constant, events
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.timeline import EVENTS_KEPT, FIRST_EVENTS_KEPT, EventKind
from pubsubctl.store.transaction import Transaction

_earlier = events.alias()
_NEXT = (
    select(func.coalesce(func.max(_earlier.c.number), literal_column("0")) + literal_column("1"))
    .where(_earlier.c.job_id == bindparam("of_job"))
    .scalar_subquery()
)
_COLUMNS = [column.name for column in events.c if column is not events.c.number]
_INSERT = Statement(insert(events).values(number=_NEXT).inline(), _COLUMNS)
_NUMBER = func.count()
_OVERFULL = Statement(
    select(events.c.job_id, _NUMBER)
    .where(AnyOf(events.c.job_id))
    .group_by(events.c.job_id)
    .having(literal_column(str(EVENTS_KEPT)) < _NUMBER)
)
# Refusals go first: a message that comes again and again must not wash away how the attempts ended.
_DISPENSABLE = (
    select(_earlier.c.number)
    .where(_earlier.c.job_id == bindparam("of_job"), _earlier.c.number > literal_column(str(FIRST_EVENTS_KEPT)))
    .order_by((_earlier.c.kind == constant(EventKind.REFUSED)).desc(), _earlier.c.number)
    .limit(bindparam("most"))
)
_TRIM = Statement(delete(events).where(events.c.job_id == bindparam("of_job"), events.c.number.in_(_DISPENSABLE)))


def note(transaction: Transaction, happened: Iterable[EventRow]) -> None:
    """Write events, in order; of very many of a job some in the middle go."""
    written = list(happened)
    if not written:
        return
    transaction.run(_INSERT, written)
    overfull = transaction.fetch_any(_OVERFULL, list({row["job_id"] for row in written}))
    transaction.run(_TRIM, [{"of_job": job_id, "most": number - EVENTS_KEPT} for job_id, number in overfull])
