"""Messages that are no jobs are kept: ``bury``."""

from collections.abc import Sequence

from sqlalchemy.sql import bindparam, insert, literal_column, select, update

from pubsubctl.exchange import Request
from pubsubctl.job import JobState
from pubsubctl.store import rows
from pubsubctl.store.adding import INSERT_REQUEST
from pubsubctl.store.attempts import last_attempts
from pubsubctl.store.events import note
from pubsubctl.store.happening import failed_event
from pubsubctl.store.messages import Burial
from pubsubctl.store.newcomers import NEW_ROW, buried_failure, buried_row
from pubsubctl.store.schema import constant, jobs
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

_INSERT_BURIED = Statement(
    insert(jobs), [*NEW_ROW, "reason", "error", "finished_at", "published_at", "first_message_id"]
)
_BURY_AGAIN = Statement(
    update(jobs).where(jobs.c.id == bindparam("job_id")), ["state", "reason", "error", "finished_at", "due_at"]
)
# With whether it is a message that was buried, and that somebody has asked for again.
_KNOWN_IDS = Statement(
    select(
        jobs.c.id,
        (jobs.c.method == literal_column("''"))
        & jobs.c.state.in_([constant(JobState.QUEUED), constant(JobState.RETRYING)]),
    ).where(AnyOf(jobs.c.id))
)


def bury(transaction: Transaction, burials: Sequence[Burial]) -> None:
    """See ``Store.bury``."""
    unique = {burial.job_id: burial for burial in reversed(burials)}
    known = {row[0]: row[1] for row in transaction.fetch_any(_KNOWN_IDS, list(unique))}
    fresh = [burial for burial in unique.values() if burial.job_id not in known]
    now = transaction.now()
    transaction.run(_INSERT_BURIED, [buried_row(burial, now) for burial in fresh])
    bodies = [(burial.job_id, Request("", "", burial.headers, burial.body)) for burial in fresh]
    transaction.tally.came([JobState.FAILED] * len(fresh))
    transaction.run(INSERT_REQUEST, [rows.request_row(job_id, request) for job_id, request in bodies])
    _bury_again(transaction, [burial for burial in unique.values() if known.get(burial.job_id)], now)


def _bury_again(transaction: Transaction, burials: Sequence[Burial], now: float) -> None:
    """Those that somebody asked for again, and that are no jobs still."""
    attempts = last_attempts(transaction, [burial.job_id for burial in burials])
    note(
        transaction,
        [failed_event(each.job_id, attempts[each.job_id].number, each.reason, each.error, now) for each in burials],
    )
    transaction.tally.moved([attempts[burial.job_id].state for burial in burials], JobState.FAILED)
    transaction.run(_BURY_AGAIN, [buried_failure(burial, now) | {"job_id": burial.job_id} for burial in burials])
