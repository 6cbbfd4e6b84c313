"""What the broker has of a job: ``published`` and ``unpublished``."""

from collections.abc import Sequence

from pubsubctl.job import JobState, Reason
from pubsubctl.store import rows
from pubsubctl.store.base import LOST_MESSAGE_S
from pubsubctl.store.firestore.jobs import attempt_of, dated, noted
from pubsubctl.store.firestore.layout import job_path
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View
from pubsubctl.store.happening import event_row, failed_event
from pubsubctl.store.messages import Published, Unpublished
from pubsubctl.store.reviving import WAITING
from pubsubctl.store.timeline import EventKind


def published(view: View, messages: Sequence[Published]) -> None:
    """See ``Store.published``."""
    view.load((job_path(each.job_id) for each in messages), cached=True)
    for each in messages:
        fields = view.get(job_path(each.job_id))
        if fields is not None and _waits(fields, each.attempt):
            view.put(job_path(each.job_id), _with_message(fields, each, view.now))


def _waits(fields: Fields, attempt: int) -> bool:
    last = attempt_of(fields)
    return last.state in WAITING and last.number == attempt


def _with_message(fields: Fields, message: Published, now: float) -> Fields:
    if fields.get("published_at") is None:
        fields = {**fields, "first_message_id": message.message_id, "published_at": now}
    elif fields.get("message_id") != message.message_id:
        event = event_row(message.job_id, EventKind.PUBLISHED, now, message.attempt, message_id=message.message_id)
        fields = noted(fields, [event])
    # A job that may not run yet stays due at its time: whoever claims it before is told that it comes again then.
    not_yet = fields.get("not_before") is not None and fields["not_before"] > now
    return {**fields, "message_id": message.message_id, "due_at": fields["due_at"] if not_yet else now + LOST_MESSAGE_S}


def unpublished(view: View, refusals: Sequence[Unpublished]) -> None:
    """See ``Store.unpublished``."""
    view.load(job_path(each.job_id) for each in refusals)
    for each in refusals:
        fields = view.get(job_path(each.job_id))
        if fields is not None and fields.get("message_id") is None and _waits(fields, each.attempt):
            event = failed_event(each.job_id, each.attempt, Reason.UNPUBLISHED, each.error, view.now)
            failed = {
                **noted(fields, [event]),
                "state": str(JobState.FAILED),
                "reason": str(Reason.UNPUBLISHED),
                "error": rows.text(each.error),
                "not_before": None,
                "finished_at": view.now,
                "due_at": view.now if each.dead_letter else None,
            }
            view.put(job_path(each.job_id), dated(failed))
