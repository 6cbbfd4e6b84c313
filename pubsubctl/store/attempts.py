"""The last attempt of a job: which it is, and whether it runs."""

from collections.abc import Sequence

from sqlalchemy.sql import select

from pubsubctl.job import JobState
from pubsubctl.store import rows
from pubsubctl.store.happening import Attempt
from pubsubctl.store.schema import jobs
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

# Asked by id alone: with a state beside it, SQLite looks at all jobs of that state.
_RUNNING = Statement(
    select(jobs.c.id, jobs.c.attempt, jobs.c.state).where(AnyOf(jobs.c.id)).order_by(jobs.c.id).with_for_update()
)

_ATTEMPTS = Statement(
    select(jobs.c.id, jobs.c.state, jobs.c.attempt, jobs.c.worker, jobs.c.message_id, jobs.c.started_at)
    .where(AnyOf(jobs.c.id))
    .order_by(jobs.c.id)
    .with_for_update()
)


def running_attempts(transaction: Transaction, job_ids: Sequence[str]) -> dict[str, int]:
    """The numbers of those attempts that run."""
    return {row[0]: row[1] for row in transaction.fetch_any(_RUNNING, job_ids) if row[2] == JobState.RUNNING}


def last_attempts(transaction: Transaction, job_ids: Sequence[str]) -> dict[str, Attempt]:
    """The last attempts of those jobs that there are, locked until the transaction ends."""
    found = transaction.fetch_any(_ATTEMPTS, job_ids)
    return {row[0]: Attempt(rows.STATES[row[1]], *row[2:]) for row in found}
