"""What can go: ``purge`` and ``delete``. A job goes with all that is known of it."""

from collections.abc import Iterable, Mapping, Sequence

from pubsubctl.job import FINISHED, JobState
from pubsubctl.store.answers import Deleted
from pubsubctl.store.firestore import queries
from pubsubctl.store.firestore.jobs import attempt_of, part_paths
from pubsubctl.store.firestore.layout import job_path, key_path
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View


def purge(view: View, *, older_than_s: float, states: Sequence[JobState], limit: int) -> Deleted:
    """See ``Store.purge``."""
    wanted = FINISHED.intersection(states) if states else FINISHED
    if not wanted or limit <= 0:
        return Deleted()
    found = view.query(queries.purgeable(wanted, view.now - older_than_s, limit))
    view.load(found)
    return _delete(view, {path: view.get(path) for path in found})


def purgeable(view: View, *, older_than_s: float, states: Sequence[JobState]) -> dict[JobState, int]:
    """See ``Store.purgeable``."""
    wanted = [state for state in JobState if state in FINISHED and (not states or state in states)]
    numbers = view.count([queries.purgeable([state], view.now - older_than_s) for state in wanted])
    return {state: number for state, number in zip(wanted, numbers, strict=True) if number}


def delete_finished(view: View, job_ids: Iterable[str]) -> Deleted:
    """See ``Store.delete``."""
    paths = [job_path(job_id) for job_id in job_ids]
    view.load(paths)
    return _delete(view, {path: view.get(path) for path in paths})


def _delete(view: View, found: Mapping[str, Fields | None]) -> Deleted:
    gone = {path: each for path, each in found.items() if each is not None and attempt_of(each).state in FINISHED}
    for path, fields in gone.items():
        view.drop(path)
        for part in part_paths(fields):
            view.erase(part)
        if fields.get("idempotency_key") is not None:
            view.erase(key_path(fields["idempotency_key"]))
    return Deleted(len(gone), tuple(each["id"] for each in gone.values() if each.get("has_payloads")))
