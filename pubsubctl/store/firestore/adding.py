"""Jobs come into the store: ``add`` and ``bury``. Decided as ``newcomers`` has it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState, NewJob, Reason
from pubsubctl.store import newcomers
from pubsubctl.store.answers import Added
from pubsubctl.store.firestore import reading
from pubsubctl.store.firestore.jobs import attempt_of, dated, new_document, noted
from pubsubctl.store.firestore.layout import job_path, key_path
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View
from pubsubctl.store.happening import failed_event
from pubsubctl.store.messages import Burial

_WAITS = frozenset({JobState.QUEUED, JobState.RETRYING})


def add(view: View, new: Sequence[NewJob]) -> list[Added]:
    """See ``Store.add``."""
    asked = newcomers.answer(new, _known_keys(view, new))
    insert(view, [(newcomers.new_row(job, view.now), job.request) for job in asked.fresh])
    for job, known in asked.again:
        _queue_again(view, job, known)
    return asked.answers


def insert(view: View, rows: Sequence[tuple[dict[str, Any], Request]]) -> None:
    """Insert jobs with their requests. That an id is taken is found out by the commit, which reads nothing for that.

    Raises:
        StoreError: an id is taken.
    """
    ids = [row["id"] for row, _ in rows]
    taken = [job_id for job_id, times in Counter(ids).items() if times > 1]
    taken = [job_id for job_id in ids if view.is_there(job_path(job_id))] or taken
    if taken:
        raise StoreError(f"the store has a job {taken[0]!r} already; give every job an id of its own")
    for row, request in rows:
        view.put(job_path(row["id"]), new_document(row, request))
        if row["idempotency_key"] is not None:
            view.put(key_path(row["idempotency_key"]), {"job_id": row["id"]})


def _known_keys(view: View, new: Iterable[NewJob]) -> Mapping[str, newcomers.Known]:
    """The jobs of the keys that are known. A key whose job is gone, by Firestore's TTL policy, is free."""
    keys = list(dict.fromkeys(job.idempotency_key for job in new if job.idempotency_key is not None))
    view.load(map(key_path, keys))
    owners = {key: owner["job_id"] for key in keys if (owner := view.get(key_path(key))) is not None}
    view.load(map(job_path, owners.values()))
    requests = reading.requests(view, list(owners.values()))
    known = {}
    for key, job_id in owners.items():
        fields, request = view.get(job_path(job_id)), requests.get(job_id)
        if fields is not None and request is not None:
            known[key] = newcomers.Known(job_id, fields["attempt"], fields.get("reason"), request)
    return known


def _queue_again(view: View, job: NewJob, known: newcomers.Known) -> None:
    path, row = job_path(known.job_id), newcomers.new_row(job, view.now)
    fields = view.get(path) or {}
    taken = ("batch_id", "timeout_s", "not_before", "ordering_key", "topic", "due_at")
    event = newcomers.queued_again_event(known.job_id, known.attempt, view.now)
    again = {
        **noted(fields, [event]),
        **{name: row[name] for name in taken},
        **dict.fromkeys(("reason", "error", "finished_at")),
        "state": str(JobState.QUEUED),
        # What it failed for in an earlier life does not use up the new limits.
        "max_attempts": fields["failures"] + job.max_attempts if job.max_attempts is not None else None,
        "forgiven_failures": fields["failures"],
        "forgiven_crashes": fields["crashes"],
    }
    view.put(path, dated(again))


def bury(view: View, burials: Sequence[Burial]) -> None:
    """See ``Store.bury``."""
    view.load(job_path(burial.job_id) for burial in burials)
    for burial in {burial.job_id: burial for burial in reversed(burials)}.values():
        path = job_path(burial.job_id)
        fields = view.get(path)
        if fields is None:
            request = Request("", "", burial.headers, burial.body)
            view.put(path, new_document(newcomers.buried_row(burial, view.now), request))
        elif is_unread(fields) and attempt_of(fields).state in _WAITS:
            _bury_again(view, path, fields, burial)


def is_unread(fields: Fields) -> bool:
    """Whether it is a message that was buried, so that it does not say what to run."""
    return not fields.get("method")


def _bury_again(view: View, path: str, fields: Fields, burial: Burial) -> None:
    event = failed_event(burial.job_id, fields["attempt"], Reason(burial.reason), burial.error, view.now)
    view.put(path, {**noted(fields, [event]), **newcomers.buried_failure(burial, view.now)})
