"""How attempts end: ``record`` and ``cancel``."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.sql import bindparam, case, insert, literal_column, null, update

from pubsubctl.errors import StoreError
from pubsubctl.job import FINISHED, JobState
from pubsubctl.store import rows
from pubsubctl.store.answers import Cancelled
from pubsubctl.store.attempts import Attempt, last_attempts, running_attempts
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Outcome
from pubsubctl.store.events import EventRow, event_row, note
from pubsubctl.store.schema import constant, jobs, responses
from pubsubctl.store.statements import Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction
from pubsubctl.store.words import failed, succeeded

_RECORD = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(
        lease_until=null(),
        failures=jobs.c.failures + bindparam("failed"),
        crashes=jobs.c.crashes + bindparam("crashed"),
        message_id=case((bindparam("let_go", type_=Integer()) == literal_column("1"), null()), else_=jobs.c.message_id),
        has_payloads=case(
            (bindparam("kept_apart", type_=Integer()) == literal_column("1"), literal_column("1")),
            else_=jobs.c.has_payloads,
        ),
    ),
    ["state", "reason", "error", "http_status", "not_before", "due_at", "finished_at", "result_bytes"],
    at_once=True,
)
_INSERT_RESPONSE = Statement(insert(responses), responses.c.keys(), at_once=True)
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
    running = running_attempts(transaction, [each.job_id for each in outcomes])
    told = _recorded_before(transaction, [each for each in outcomes if each.again])
    answers, ended, answered, notable = [], [], [], []
    for each in outcomes:
        current = running.get(each.job_id) == each.attempt
        answers.append(current or each in told)
        if each in told:
            continue
        if not current:
            notable.append((each, True))
            continue
        del running[each.job_id]
        ended.append(_ended_row(each, now))
        if each.log or each.state is JobState.RETRYING:
            notable.append((each, False))
        if each.response is not None and each.state is not JobState.RETRYING:
            answered.append(rows.response_row(each.job_id, each.response))
    note(transaction, _events(transaction, notable, now))
    transaction.run(_RECORD, ended)
    transaction.run(_INSERT_RESPONSE, answered)
    return answers


def _recorded_before(transaction: Transaction, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that were written when they were told for the first time."""
    attempts = last_attempts(transaction, [each.job_id for each in outcomes])
    return [each for each in outcomes if _is_of(each, attempts.get(each.job_id))]


def _is_of(outcome: Outcome, attempt: Attempt | None) -> bool:
    return attempt is not None and (attempt.number, attempt.state) == (outcome.attempt, outcome.state)


def _events(transaction: Transaction, notable: Sequence[tuple[Outcome, bool]], now: float) -> Iterator[EventRow]:
    """Of outcomes, with whether they came too late: what the job's row will not tell."""
    attempts = last_attempts(transaction, [each.job_id for each, _ in notable])
    for each, late in notable:
        attempt = attempts.get(each.job_id)
        if attempt is None:
            continue
        if late:
            yield event_row(each.job_id, EventKind.LATE, now, each.attempt, text=_words(each), log=each.log)
        else:
            yield attempt.ending(each.job_id, EventKind.ENDED, now, _words(each), each.log)


def _words(outcome: Outcome) -> str:
    if outcome.state is JobState.SUCCEEDED:
        return succeeded(outcome.response.status if outcome.response is not None else None)
    words = failed(outcome.reason, outcome.error)
    return f"{words}; again in {outcome.retry_in_s:.1f} s" if outcome.state is JobState.RETRYING else words


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
        "result_bytes": response.size if response is not None and not retried else None,
        "kept_apart": int(response is not None and response.payload is not None),
    }


def cancel(transaction: Transaction, job_ids: Sequence[str]) -> list[Cancelled]:
    """See ``Store.cancel``."""
    attempts = last_attempts(transaction, job_ids)
    states = {job_id: attempt.state for job_id, attempt in attempts.items()}
    now = transaction.now()
    answers: list[Cancelled] = []
    ended: list[dict[str, Any]] = []
    for job_id in job_ids:
        state = states.get(job_id)
        answers.append(Cancelled(job_id, state))
        if state is not None and state not in FINISHED:
            states[job_id] = JobState.CANCELLED
            ended.append({"job_id": job_id, "finished_at": now})
    note(transaction, [_cancelled(each["job_id"], attempts[each["job_id"]], now) for each in ended])
    transaction.run(_CANCEL, ended)
    return answers


def _cancelled(job_id: str, attempt: Attempt, now: float) -> EventRow:
    if attempt.state is JobState.RUNNING:
        return attempt.ending(job_id, EventKind.CANCELLED, now, "while it ran")
    return event_row(job_id, EventKind.CANCELLED, now, attempt.number)
