"""What can go: ``purge`` and ``delete``. A job goes with all that is known of it."""

from collections.abc import Mapping, Sequence

from sqlalchemy.sql import bindparam, delete, func, select

from pubsubctl.job import FINISHED, JobState
from pubsubctl.store.answers import Deleted
from pubsubctl.store.attempts import last_attempts
from pubsubctl.store.schema import events, jobs, requests, responses
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

_OLD = jobs.c.state == bindparam("in_state"), jobs.c.finished_at < bindparam("before")
# Those that another purges at the same time are left to it.
_PURGEABLE = Statement(
    select(jobs.c.id)
    .where(*_OLD)
    .order_by(jobs.c.finished_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_NUMBER_PURGEABLE = Statement(select(func.count()).select_from(jobs).where(*_OLD))
_WITH_PAYLOADS = Statement(select(jobs.c.id, jobs.c.has_payloads).where(AnyOf(jobs.c.id)))
_DELETES = tuple(
    Statement(delete(column.table).where(column == bindparam("gone")), at_once=True)
    for column in (events.c.job_id, responses.c.job_id, requests.c.job_id, jobs.c.id)
)


def purge(transaction: Transaction, *, older_than_s: float, states: Sequence[JobState], limit: int) -> Deleted:
    """See ``Store.purge``."""
    before = transaction.now() - older_than_s
    gone: dict[str, JobState] = {}
    for state in _finished(states):
        found = transaction.fetch(_PURGEABLE, in_state=str(state), before=before, most=limit - len(gone))
        gone |= {row[0]: state for row in found}
    return _delete(transaction, gone)


def purgeable(transaction: Transaction, *, older_than_s: float, states: Sequence[JobState]) -> dict[JobState, int]:
    """See ``Store.purgeable``."""
    before = transaction.now() - older_than_s
    wanted = _finished(states)
    found = {each: transaction.fetch(_NUMBER_PURGEABLE, in_state=str(each), before=before)[0][0] for each in wanted}
    return {state: number for state, number in found.items() if number}


def _finished(states: Sequence[JobState]) -> list[JobState]:
    return [state for state in JobState if state in FINISHED and (not states or state in states)]


def delete_finished(transaction: Transaction, job_ids: Sequence[str]) -> Deleted:
    """See ``Store.delete``."""
    known = last_attempts(transaction, job_ids)
    return _delete(
        transaction, {job_id: attempt.state for job_id, attempt in known.items() if attempt.state in FINISHED}
    )


def _delete(transaction: Transaction, states: Mapping[str, JobState]) -> Deleted:
    """Delete these jobs, which are locked, and in these states."""
    apart = tuple(row[0] for row in transaction.fetch_any(_WITH_PAYLOADS, list(states)) if row[1])
    gone = [{"gone": job_id} for job_id in states]
    for statement in _DELETES:
        transaction.run(statement, gone)
    transaction.tally.went(states.values())
    return Deleted(len(gone), apart)
