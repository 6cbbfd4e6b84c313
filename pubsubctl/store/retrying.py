"""Jobs that have ended begin anew, or will not come again: ``retry`` and ``returned``."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.sql import bindparam, delete, null, select, update

from pubsubctl.job import JobState, Reason
from pubsubctl.store import rows
from pubsubctl.store.answers import Retried
from pubsubctl.store.attempts import last_attempts
from pubsubctl.store.events import note
from pubsubctl.store.history import told_of
from pubsubctl.store.messages import Returned
from pubsubctl.store.reading import JOB_COLUMNS
from pubsubctl.store.reviving import RETRIED, WAITING, again_row, retried_events, returned_event
from pubsubctl.store.schema import constant, jobs, responses
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

_JOBS = Statement(
    select(*JOB_COLUMNS, jobs.c.forgiven_failures, jobs.c.spent_message_ids)
    .where(AnyOf(jobs.c.id))
    .order_by(jobs.c.id)
    .with_for_update()
)
_RETRY = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(
        state=constant(JobState.QUEUED),
        forgiven_failures=jobs.c.failures,
        forgiven_crashes=jobs.c.crashes,
        **dict.fromkeys(
            [
                *("reason", "error", "http_status", "result_bytes", "progress_fraction", "progress_note"),
                *("message_id", "worker", "not_before", "lease_until", "started_at", "finished_at"),
            ],
            null(),
        ),
    ),
    ["max_attempts", "due_at", "spent_message_ids"],
)
_DELETE_RESPONSE = Statement(delete(responses).where(responses.c.job_id == bindparam("of_job")))
_RETURNED = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(state=constant(JobState.FAILED), reason=constant(Reason.DEAD_LETTERED), not_before=null(), due_at=null()),
    ["error", "finished_at"],
)


def retry(transaction: Transaction, job_ids: Sequence[str]) -> list[Retried]:
    """See ``Store.retry``."""
    now = transaction.now()
    found = {row[0]: (rows.job(row[:-2]), row[-2], row[-1]) for row in transaction.fetch_any(_JOBS, job_ids)}
    states = {job_id: job.state for job_id, (job, *_) in found.items()}
    answers, again = [], []
    for job_id in job_ids:
        state = states.get(job_id)
        answers.append(Retried(job_id, state))
        if state in RETRIED:
            states[job_id] = JobState.QUEUED
            again.append(found[job_id])
    note(transaction, [event for job, *_ in again for event in retried_events(job, told_of(transaction, job.id), now)])
    transaction.run(_RETRY, [again_row(*each, now) for each in again])
    transaction.run(_DELETE_RESPONSE, [{"of_job": job.id} for job, *_ in again])
    return answers


def returned(transaction: Transaction, messages: Sequence[Returned]) -> None:
    """See ``Store.returned``."""
    now = transaction.now()
    attempts = last_attempts(transaction, [each.job_id for each in messages])
    failed: dict[str, dict[str, Any]] = {}
    happened = []
    for each in messages:
        attempt = attempts.get(each.job_id)
        if attempt is None:
            continue
        happened.append(returned_event(each, attempt, now))
        if attempt.state in WAITING and attempt.message_id == each.message_id:
            failed[each.job_id] = {"job_id": each.job_id, "error": rows.text(each.error), "finished_at": now}
    note(transaction, happened)
    transaction.run(_RETURNED, list(failed.values()))
