"""What has to be done again: ``sweep`` and ``mirrored``."""

from collections.abc import Mapping

from pubsubctl.job import JobState, Reason
from pubsubctl.store import words
from pubsubctl.store.base import PUBLISH_GRACE_S
from pubsubctl.store.deciding import CRASHED_ERROR
from pubsubctl.store.firestore import queries, reading
from pubsubctl.store.firestore.claiming import given_up
from pubsubctl.store.firestore.committing import COMMIT_BYTES
from pubsubctl.store.firestore.jobs import attempt_of, dated, job_of, noted
from pubsubctl.store.firestore.layout import STEP_FIELDS, job_path
from pubsubctl.store.firestore.values import Fields, size_of
from pubsubctl.store.firestore.view import View, without_bodies
from pubsubctl.store.happening import event_row
from pubsubctl.store.messages import Due, DueKind
from pubsubctl.store.timeline import EventKind

_OVERHEAD_BYTES = 200


def sweep(view: View, topic: str, *, limit: int, max_crashes: int) -> list[Due]:
    """See ``Store.sweep``. One query, which costs one read where nothing is due."""
    found = _fitting(view.query(queries.due(topic, view.now, limit)))
    for path, fields in found.items():
        view.put(path, _taken(without_bodies(fields), view.now, max_crashes))
    jobs = [job_of(view.get(path) or {}) for path in found]
    asked = reading.requests(view, [job.id for job in jobs])
    return [Due(_kind(job.state), job, asked[job.id]) for job in jobs if job.id in asked]


def _fitting(found: Mapping[str, Fields]) -> dict[str, Fields]:
    """As many as one commit takes, with the events that are written anew; the others are due next time."""
    size = 0
    fitting: dict[str, Fields] = {}
    for path, fields in found.items():
        size += size_of(fields, STEP_FIELDS) + _OVERHEAD_BYTES
        if fitting and size > COMMIT_BYTES:
            break
        fitting[path] = fields
    return fitting


def _kind(state: JobState) -> DueKind:
    return DueKind.DEAD_LETTER if state is JobState.FAILED else DueKind.PUBLISH


def _taken(fields: Fields, now: float, max_crashes: int) -> Fields:
    until = now + PUBLISH_GRACE_S
    return _crashed(fields, now, until, max_crashes) if _ran(fields) else {**fields, "due_at": until}


def _ran(fields: Fields) -> bool:
    return attempt_of(fields).state is JobState.RUNNING


def _crashed(fields: Fields, now: float, until: float, max_crashes: int) -> Fields:
    """An attempt whose lease ran out."""
    crashes = fields["crashes"] + 1
    dead = crashes - (fields.get("forgiven_crashes") or 0) >= max_crashes
    text = words.lost(CRASHED_ERROR if dead else None)
    told = noted(fields, [attempt_of(fields).ending(fields["id"], EventKind.LOST, now, text)])
    if dead:
        return given_up(told, crashes, now, due_at=until)
    return {
        **told,
        "state": str(JobState.RETRYING),
        "reason": str(Reason.CRASHED),
        "lease_until": None,
        "crashes": crashes,
        "not_before": now,
        "due_at": until,
    }


def mirrored(view: View, finished_at: Mapping[str, float | None]) -> None:
    """See ``Store.mirrored``."""
    view.load(map(job_path, finished_at))
    for job_id, ended_at in finished_at.items():
        fields = view.get(job_path(job_id))
        if fields is None or attempt_of(fields).state is not JobState.FAILED or fields.get("finished_at") != ended_at:
            continue
        told = noted(fields, [event_row(job_id, EventKind.MIRRORED, view.now, fields["attempt"])])
        view.put(job_path(job_id), dated({**told, "due_at": None}))
