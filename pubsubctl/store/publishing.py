"""What the broker has of a job: ``published`` and ``unpublished``."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Float
from sqlalchemy.sql import bindparam, case, null, select, update

from pubsubctl.job import JobState, Reason
from pubsubctl.store import rows
from pubsubctl.store.base import LOST_MESSAGE_S
from pubsubctl.store.events import note
from pubsubctl.store.happening import EventRow, event_row, failed_event
from pubsubctl.store.messages import Published, Unpublished
from pubsubctl.store.schema import constant, jobs
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction

_WAITS = frozenset({str(JobState.QUEUED), str(JobState.RETRYING)})
# A job that may not run yet stays due at its time: whoever claims it before is told that it comes again then.
_HAS_MESSAGE = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job_id"),
        jobs.c.attempt == bindparam("of_attempt"),
        jobs.c.state.in_([constant(JobState.QUEUED), constant(JobState.RETRYING)]),
    )
    .values(
        due_at=case((jobs.c.not_before > bindparam("now"), jobs.c.due_at), else_=bindparam("lost_at", type_=Float(53)))
    )
)
_PUBLISHED_FIRST = Statement(
    _HAS_MESSAGE.where(jobs.c.published_at.is_(None)), ["message_id", "first_message_id", "published_at"], at_once=True
)
_PUBLISHED_AGAIN = Statement(_HAS_MESSAGE, ["message_id"])
# These are asked by id alone: with a state beside it, SQLite looks at all jobs of that state.
_PUBLISHED_BEFORE = Statement(
    select(jobs.c.id, jobs.c.attempt, jobs.c.state, jobs.c.message_id)
    .where(AnyOf(jobs.c.id))
    .order_by(jobs.c.id)
    .with_for_update()
)
_WITHOUT_MESSAGE = Statement(
    select(jobs.c.id, jobs.c.attempt, jobs.c.state)
    .where(AnyOf(jobs.c.id), jobs.c.message_id.is_(None))
    .order_by(jobs.c.id)
    .with_for_update()
)
_UNPUBLISHED = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(state=constant(JobState.FAILED), reason=constant(Reason.UNPUBLISHED), not_before=null()),
    ["error", "finished_at", "due_at"],
)


def published(transaction: Transaction, messages: Iterable[Published]) -> None:
    """See ``Store.published``."""
    now = transaction.now()
    lost_at = now + LOST_MESSAGE_S
    told = list(messages)
    # It is no more than a note: a job that somebody is writing has been claimed, mostly, which notes the same.
    free = transaction.free([each.job_id for each in told])
    taken: list[dict[str, Any]] = [
        {
            "job_id": each.job_id,
            "of_attempt": each.attempt,
            "message_id": each.message_id,
            "first_message_id": each.message_id,
            "published_at": now,
            "now": now,
            "lost_at": lost_at,
        }
        for each in told
        if each.job_id in free
    ]
    if transaction.run(_PUBLISHED_FIRST, taken) < len(taken):
        _published_again(transaction, taken)


def _published_again(transaction: Transaction, taken: Sequence[dict[str, Any]]) -> None:
    """Some had a message before, or wait for none any more."""
    found = transaction.fetch_any(_PUBLISHED_BEFORE, [row["job_id"] for row in taken])
    waiting = {row[0]: (row[1], row[3]) for row in found if row[2] in _WAITS}
    note(transaction, [_published_event(row) for row in taken if _is_other(row, waiting.get(row["job_id"]))])
    transaction.run(_PUBLISHED_AGAIN, [row for row in taken if row["job_id"] in waiting])


def _is_other(row: dict[str, Any], waiting: tuple[int, str | None] | None) -> bool:
    """Whether it is another message than the one that its job waits for."""
    return waiting is not None and waiting[0] == row["of_attempt"] and waiting[1] != row["message_id"]


def _published_event(row: dict[str, Any]) -> EventRow:
    return event_row(row["job_id"], EventKind.PUBLISHED, row["now"], row["of_attempt"], message_id=row["message_id"])


def unpublished(transaction: Transaction, refusals: Iterable[Unpublished]) -> None:
    """See ``Store.unpublished``."""
    now = transaction.now()
    refused = list(refusals)
    found = transaction.fetch_any(_WITHOUT_MESSAGE, [each.job_id for each in refused])
    waiting = {row[0]: row[1] for row in found if row[2] in _WAITS}
    failed = {each.job_id: each for each in refused if waiting.get(each.job_id) == each.attempt}.values()
    note(transaction, [failed_event(each.job_id, each.attempt, Reason.UNPUBLISHED, each.error, now) for each in failed])
    transaction.run(
        _UNPUBLISHED,
        [
            {
                "job_id": each.job_id,
                "error": rows.text(each.error),
                "finished_at": now,
                "due_at": now if each.dead_letter else None,
            }
            for each in failed
        ],
    )
