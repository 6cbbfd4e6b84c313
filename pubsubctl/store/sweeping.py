"""What has to be done again: ``sweep`` and ``mirrored``."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.sql import bindparam, null, select, update

from pubsubctl.job import Job, JobState, Reason
from pubsubctl.store import rows, words
from pubsubctl.store.base import PUBLISH_GRACE_S
from pubsubctl.store.claiming import give_up, given_up_row
from pubsubctl.store.deciding import CRASHED_ERROR
from pubsubctl.store.events import note
from pubsubctl.store.happening import Attempt, EventRow, event_row
from pubsubctl.store.messages import Due, DueKind
from pubsubctl.store.reading import JOB_COLUMNS, jobs_by_id, requests_by_id
from pubsubctl.store.schema import constant, jobs
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction

_DUE = Statement(
    select(*JOB_COLUMNS, jobs.c.forgiven_crashes)
    .where(jobs.c.topic == bindparam("of_topic"), jobs.c.due_at <= bindparam("now"))
    .order_by(jobs.c.due_at, jobs.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_ANY_DUE = Statement(
    select(jobs.c.id).where(jobs.c.topic == bindparam("of_topic"), jobs.c.due_at <= bindparam("now")).limit(1)
)
_TAKE = Statement(update(jobs).where(jobs.c.id == bindparam("job_id")), ["due_at"], at_once=True)
_CRASHED = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(state=constant(JobState.RETRYING), reason=constant(Reason.CRASHED), lease_until=null()),
    ["crashes", "not_before", "due_at"],
)
# Asked by id alone: with a state beside it, SQLite looks at all jobs of that state.
_FAILED = Statement(
    select(jobs.c.id, jobs.c.attempt, jobs.c.state, jobs.c.finished_at)
    .where(AnyOf(jobs.c.id))
    .order_by(jobs.c.id)
    .with_for_update()
)
_MIRRORED = Statement(update(jobs).where(jobs.c.id == bindparam("job_id")).values(due_at=null()))


def is_due(transaction: Transaction, topic: str) -> bool:
    """Whether ``sweep`` would find anything."""
    return bool(transaction.fetch(_ANY_DUE, of_topic=topic, now=transaction.now()))


def sweep(transaction: Transaction, topic: str, *, limit: int, max_crashes: int) -> list[Due]:
    """See ``Store.sweep``."""
    now = transaction.now()
    found = transaction.fetch(_DUE, of_topic=topic, now=now, most=limit)
    due = [rows.job(row[:-1]) for row in found]
    taken_until = now + PUBLISH_GRACE_S
    crashed = [(job, row[-1]) for job, row in zip(due, found, strict=True) if job.state is JobState.RUNNING]
    transaction.run(
        _TAKE, [{"job_id": job.id, "due_at": taken_until} for job in due if job.state is not JobState.RUNNING]
    )
    _crash(transaction, crashed, now, taken_until, max_crashes)
    changed = jobs_by_id(transaction, [job.id for job, _ in crashed])
    asked = requests_by_id(transaction, [job.id for job in due])
    return [_due(changed.get(job.id, job), asked) for job in due]


def _due(job: Job, asked: dict[str, Any]) -> Due:
    kind = DueKind.DEAD_LETTER if job.state is JobState.FAILED else DueKind.PUBLISH
    return Due(kind, job, asked[job.id])


def _crash(
    transaction: Transaction, crashed: list[tuple[Job, int]], now: float, taken_until: float, max_crashes: int
) -> None:
    """End attempts whose lease ran out; each comes with the crashes of its job that are forgiven."""
    over, again, happened = [], [], []
    for job, forgiven in crashed:
        crashes = job.crashes + 1
        dead = crashes - forgiven >= max_crashes
        happened.append(_lost(job, now, CRASHED_ERROR if dead else None))
        if dead:
            over.append(given_up_row(job.id, crashes, now, due_at=taken_until))
        else:
            again.append({"job_id": job.id, "crashes": crashes, "not_before": now, "due_at": taken_until})
    note(transaction, happened)
    give_up(transaction, over)
    transaction.run(_CRASHED, again)


def _lost(job: Job, now: float, given_up: str | None) -> EventRow:
    attempt = Attempt(job.state, job.attempt, job.worker, job.message_id, job.started_at)
    return attempt.ending(job.id, EventKind.LOST, now, words.lost(given_up))


def mirrored(transaction: Transaction, finished_at: Mapping[str, float | None]) -> None:
    """See ``Store.mirrored``."""
    now = transaction.now()
    found = transaction.fetch_any(_FAILED, list(finished_at))
    dead = {row[0]: row[1] for row in found if row[2] == JobState.FAILED and row[3] == finished_at[row[0]]}
    note(transaction, [event_row(job_id, EventKind.MIRRORED, now, attempt) for job_id, attempt in dead.items()])
    transaction.run(_MIRRORED, [{"job_id": job_id} for job_id in dead])
