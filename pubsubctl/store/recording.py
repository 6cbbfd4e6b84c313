"""How attempts end: ``record`` and ``cancel``."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.sql import bindparam, case, insert, literal_column, null, select, update

from pubsubctl.errors import StoreError
from pubsubctl.job import FINISHED, JobState
from pubsubctl.store import rows
from pubsubctl.store.base import LEASE_GRACE_S, Cancelled, Outcome
from pubsubctl.store.schema import constant, jobs, responses
from pubsubctl.store.statements import AnyOf, Statement
from pubsubctl.store.transaction import Transaction

_RUNNING = Statement(
    select(jobs.c.id, jobs.c.attempt)
    .where(AnyOf(jobs.c.id), jobs.c.state == constant(JobState.RUNNING))
    .with_for_update()
)
_RECORD = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(
        lease_until=null(),
        failures=jobs.c.failures + bindparam("failed"),
        crashes=jobs.c.crashes + bindparam("crashed"),
        message_id=case((bindparam("let_go") == literal_column("1"), null()), else_=jobs.c.message_id),
    ),
    ["state", "reason", "error", "http_status", "not_before", "due_at", "finished_at", "result_bytes"],
)
_INSERT_RESPONSE = Statement(insert(responses), responses.c.keys())
_STATES = Statement(select(jobs.c.id, jobs.c.state).where(AnyOf(jobs.c.id)).with_for_update())
_CANCEL = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(state=constant(JobState.CANCELLED), lease_until=null(), due_at=null()),
    ["finished_at"],
)
_ENDS = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.RETRYING})


def record(transaction: Transaction, outcomes: Sequence[Outcome]) -> list[bool]:
    """See ``Store.record``."""
    now = transaction.now()
    running = dict(tuple(row) for row in transaction.fetch_any(_RUNNING, [each.job_id for each in outcomes]))
    answers, ended, answered = [], [], []
    for each in outcomes:
        current = running.get(each.job_id) == each.attempt
        answers.append(current)
        if not current:
            continue
        del running[each.job_id]
        ended.append(_ended_row(each, now))
        if each.response is not None and each.state is not JobState.RETRYING:
            answered.append(rows.response_row(each.job_id, each.response))
    transaction.run(_RECORD, ended)
    transaction.run(_INSERT_RESPONSE, answered)
    return answers


def _ended_row(outcome: Outcome, now: float) -> dict[str, Any]:
    if outcome.state not in _ENDS:
        raise StoreError(f"an attempt cannot end as {outcome.state}; record succeeded, failed or retrying")
    retried = outcome.state is JobState.RETRYING
    again_at = now + outcome.retry_in_s if retried else None
    swept_at = again_at + LEASE_GRACE_S if again_at is not None and outcome.held else again_at
    dead = outcome.dead_letter and outcome.state is JobState.FAILED
    response = outcome.response
    return {
        "job_id": outcome.job_id,
        "state": str(outcome.state),
        "failed": int(outcome.state is not JobState.SUCCEEDED and not outcome.crashed),
        "crashed": int(outcome.crashed),
        "let_go": int(retried and not outcome.held),
        "reason": outcome.reason,
        "error": rows.text(outcome.error) if outcome.error is not None else None,
        "http_status": response.status if response is not None else None,
        "not_before": again_at,
        "due_at": now if dead else swept_at,
        "finished_at": None if retried else now,
        "result_bytes": len(response.body) if response is not None and not retried else None,
    }


def cancel(transaction: Transaction, job_ids: Sequence[str]) -> list[Cancelled]:
    """See ``Store.cancel``."""
    states = {row[0]: rows.STATES[row[1]] for row in transaction.fetch_any(_STATES, job_ids)}
    now = transaction.now()
    answers, ended = [], []
    for job_id in job_ids:
        state = states.get(job_id)
        answers.append(Cancelled(job_id, state))
        if state is not None and state not in FINISHED:
            states[job_id] = JobState.CANCELLED
            ended.append({"job_id": job_id, "finished_at": now})
    transaction.run(_CANCEL, ended)
    return answers
