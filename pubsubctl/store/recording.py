"""How attempts end: ``record`` and ``cancel``."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.sql import bindparam, case, insert, literal_column, null, update

from pubsubctl.job import FINISHED, JobState
from pubsubctl.store import rows
from pubsubctl.store.answers import Cancelled
from pubsubctl.store.attempts import last_attempts, running_attempts
from pubsubctl.store.claims import Outcome
from pubsubctl.store.ending import cancelled_event, ended_row, outcome_words
from pubsubctl.store.events import note
from pubsubctl.store.happening import Attempt, EventRow, event_row
from pubsubctl.store.schema import constant, jobs, responses
from pubsubctl.store.statements import Statement
from pubsubctl.store.timeline import EventKind
from pubsubctl.store.transaction import Transaction

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
        ended.append(ended_row(each, now))
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
            yield event_row(each.job_id, EventKind.LATE, now, each.attempt, text=outcome_words(each), log=each.log)
        else:
            yield attempt.ending(each.job_id, EventKind.ENDED, now, outcome_words(each), each.log)


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
    note(transaction, [cancelled_event(each["job_id"], attempts[each["job_id"]], now) for each in ended])
    transaction.run(_CANCEL, ended)
    return answers
