"""What can go: ``purge`` and ``delete``. A job goes with all that is known of it."""

from collections.abc import Sequence

from sqlalchemy.sql import bindparam, delete, select

from pubsubctl.job import FINISHED, JobState
from pubsubctl.store.answers import Deleted
from pubsubctl.store.attempts import last_attempts
from pubsubctl.store.schema import events, jobs, requests, responses
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

# A job is created before it finishes, so the index over (state, created_at) leads to the finished ones.
_PURGEABLE = Statement(
    select(jobs.c.id)
    .where(
        jobs.c.state == bindparam("in_state"),
        jobs.c.created_at <= bindparam("before"),
        jobs.c.finished_at < bindparam("before"),
    )
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(bindparam("most"))
)
_WITH_PAYLOADS = Statement(select(jobs.c.id, jobs.c.has_payloads).where(AnyOf(jobs.c.id)))
_DELETES = tuple(
    Statement(delete(column.table).where(column == bindparam("gone")), at_once=True)
    for column in (events.c.job_id, responses.c.job_id, requests.c.job_id, jobs.c.id)
)


def purge(transaction: Transaction, *, older_than_s: float, states: Sequence[JobState], limit: int) -> Deleted:
    """See ``Store.purge``."""
    before = transaction.now() - older_than_s
    gone: list[str] = []
    for state in sorted(FINISHED.intersection(states) if states else FINISHED):
        found = transaction.fetch(_PURGEABLE, in_state=str(state), before=before, most=limit - len(gone))
        gone.extend(row[0] for row in found)
    return _delete(transaction, gone)


def delete_finished(transaction: Transaction, job_ids: Sequence[str]) -> Deleted:
    """See ``Store.delete``."""
    known = last_attempts(transaction, job_ids)
    return _delete(transaction, [job_id for job_id, attempt in known.items() if attempt.state in FINISHED])


def _delete(transaction: Transaction, job_ids: Sequence[str]) -> Deleted:
    apart = tuple(row[0] for row in transaction.fetch_any(_WITH_PAYLOADS, job_ids) if row[1])
    gone = [{"gone": job_id} for job_id in job_ids]
    for statement in _DELETES:
        transaction.run(statement, gone)
    return Deleted(len(gone), apart)
