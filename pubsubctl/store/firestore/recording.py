"""How attempts end: ``record``, ``release`` and ``cancel``, as ``ending`` has it."""

from collections.abc import Iterable, Sequence

from pubsubctl.job import FINISHED, JobState
from pubsubctl.store import words
from pubsubctl.store.answers import Cancelled
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Lease, Outcome
from pubsubctl.store.ending import cancelled_event, ended_row, outcome_words, recorded, stopped_event
from pubsubctl.store.firestore import bodies
from pubsubctl.store.firestore.jobs import attempt_of, dated, noted
from pubsubctl.store.firestore.layout import RESPONSE, job_path
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View
from pubsubctl.store.happening import event_row
from pubsubctl.store.timeline import EventKind


def record(view: View, outcomes: Sequence[Outcome]) -> list[bool]:
    """See ``Store.record``."""
    view.load((job_path(each.job_id) for each in outcomes), cached=True)
    return [_record(view, each) for each in outcomes]


def runs(fields: Fields | None, attempt: int) -> bool:
    """Whether that attempt of a job runs."""
    if fields is None:
        return False
    last = attempt_of(fields)
    return last.state is JobState.RUNNING and last.number == attempt


def _record(view: View, outcome: Outcome) -> bool:
    path = job_path(outcome.job_id)
    fields, row = view.get(path), ended_row(outcome, view.now)
    if not runs(fields, outcome.attempt):
        if fields is not None and outcome.again and recorded(outcome, attempt_of(fields), fields.get("reason")):
            return True  # it was written when it was told for the first time
        if fields is not None:
            late = event_row(
                outcome.job_id, EventKind.LATE, view.now, outcome.attempt, text=outcome_words(outcome), log=outcome.log
            )
            view.put(path, noted(fields, [late]))
        return False
    assert fields is not None
    view.put(path, _ended(_with_log(fields, outcome, view.now), outcome, row))
    return True


def _with_log(fields: Fields, outcome: Outcome, now: float) -> Fields:
    """What the job's own fields will not tell."""
    if not outcome.log and outcome.state is not JobState.RETRYING:
        return fields
    ended = attempt_of(fields).ending(outcome.job_id, EventKind.ENDED, now, outcome_words(outcome), outcome.log)
    return noted(fields, [ended])


_TAKEN = ("error", "http_status", "not_before", "due_at", "finished_at", "result_bytes")


def _ended(fields: Fields, outcome: Outcome, row: Fields) -> Fields:
    kept = outcome.response is not None and outcome.state is not JobState.RETRYING
    ended = {
        **fields,
        **{name: row[name] for name in _TAKEN},
        "state": row["state"],
        "reason": str(row["reason"]) if row["reason"] is not None else None,
        "lease_until": None,
        "failures": fields["failures"] + row["failed"],
        "crashes": fields["crashes"] + row["crashed"],
        "message_id": None if row["let_go"] else fields.get("message_id"),
        "has_payloads": max(fields["has_payloads"], row["kept_apart"]),
    }
    if kept and outcome.response is not None:
        ended[RESPONSE] = bodies.of_response(outcome.response)
    return dated(ended)


def release(view: View, leases: Iterable[Lease]) -> None:
    """See ``Store.release``."""
    asked = list(leases)
    view.load((job_path(lease.job_id) for lease in asked), cached=True)
    for lease in asked:
        fields = view.get(job_path(lease.job_id))
        if fields is not None and fields["attempt"] == lease.attempt:
            view.put(job_path(lease.job_id), _released(fields, lease, view.now))


_GONE = ("lease_until", "worker", "started_at", "progress_fraction", "progress_note")


def _released(fields: Fields, lease: Lease, now: float) -> Fields:
    attempt = attempt_of(fields)
    if attempt.state is JobState.RUNNING:
        event = attempt.ending(lease.job_id, EventKind.RELEASED, now, words.RELEASED, lease.log)
        state = {"state": str(JobState.QUEUED), "due_at": now + LEASE_GRACE_S}
        return {**noted(fields, [event]), **dict.fromkeys(_GONE), **state}
    if attempt.state is JobState.CANCELLED and lease.log:
        return noted(fields, [stopped_event(lease, attempt, now)])
    return fields


def cancel(view: View, job_ids: Sequence[str]) -> list[Cancelled]:
    """See ``Store.cancel``."""
    view.load(map(job_path, job_ids))
    return [_cancel(view, job_id) for job_id in job_ids]


def _cancel(view: View, job_id: str) -> Cancelled:
    fields = view.get(job_path(job_id))
    if fields is None:
        return Cancelled(job_id, None)
    attempt = attempt_of(fields)
    if attempt.state not in FINISHED:
        cancelled = {
            **noted(fields, [cancelled_event(job_id, attempt, view.now)]),
            "state": str(JobState.CANCELLED),
            "lease_until": None,
            "due_at": None,
            "finished_at": view.now,
        }
        view.put(job_path(job_id), dated(cancelled))
    return Cancelled(job_id, attempt.state)
