"""Jobs that have ended begin anew, or will not come again: ``retry`` and ``returned``, as ``store.reviving`` has it."""

from collections.abc import Sequence

from pubsubctl.job import JobState, Reason
from pubsubctl.store import rows
from pubsubctl.store.answers import Retried
from pubsubctl.store.firestore.jobs import attempt_of, dated, job_of, noted, part_paths, told_of, without_response
from pubsubctl.store.firestore.layout import RESPONSE, job_path
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View
from pubsubctl.store.messages import Returned
from pubsubctl.store.reviving import RETRIED, WAITING, again_row, retried_events, returned_event

_GONE = (
    *("reason", "error", "http_status", "result_bytes", "progress_fraction", "progress_note"),
    *("message_id", "worker", "not_before", "lease_until", "started_at", "finished_at"),
)


def retry(view: View, job_ids: Sequence[str]) -> list[Retried]:
    """See ``Store.retry``."""
    view.load(map(job_path, job_ids))
    return [_retry(view, job_id) for job_id in job_ids]


def _retry(view: View, job_id: str) -> Retried:
    fields = view.get(job_path(job_id))
    if fields is None:
        return Retried(job_id, None)
    state = attempt_of(fields).state
    if state in RETRIED:
        for path in part_paths(fields, [RESPONSE]):
            view.erase(path)
        view.put(job_path(job_id), _again(fields, view.now))
    return Retried(job_id, state)


def _again(fields: Fields, now: float) -> Fields:
    job = job_of(fields)
    row = again_row(job, fields.get("forgiven_failures") or 0, fields.get("spent_message_ids"), now)
    del row["job_id"]
    again = {
        **noted(fields, retried_events(job, told_of(fields), now)),
        **dict.fromkeys(_GONE),
        **row,
        "state": str(JobState.QUEUED),
        "forgiven_failures": job.failures,
        "forgiven_crashes": job.crashes,
    }
    return dated(without_response(again))


def returned(view: View, messages: Sequence[Returned]) -> None:
    """See ``Store.returned``."""
    view.load(job_path(each.job_id) for each in messages)
    for each in messages:
        fields = view.get(job_path(each.job_id))
        if fields is not None:
            view.put(job_path(each.job_id), _returned(fields, each, view.now))


def _returned(fields: Fields, message: Returned, now: float) -> Fields:
    attempt = attempt_of(fields)
    told = noted(fields, [returned_event(message, attempt, now)])
    if attempt.state not in WAITING or attempt.message_id != message.message_id:
        return told
    failed = {
        **told,
        **dict.fromkeys(("not_before", "due_at")),
        "state": str(JobState.FAILED),
        "reason": str(Reason.DEAD_LETTERED),
        "error": rows.text(message.error),
        "finished_at": now,
    }
    return dated(failed)
