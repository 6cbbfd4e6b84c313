"""Workers that live: ``heartbeat``, ``retire``, ``workers``."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from pubsubctl.store import rows
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import FORGET_WORKER_S, Lease, WorkerInfo
from pubsubctl.store.firestore import queries
from pubsubctl.store.firestore.layout import EXPIRY, job_path, worker_path
from pubsubctl.store.firestore.recording import runs
from pubsubctl.store.firestore.values import Fields, timestamp
from pubsubctl.store.firestore.view import View


def heartbeat(view: View, worker: WorkerInfo, leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
    """See ``Store.heartbeat``."""
    view.load([worker_path(worker.id), *(job_path(lease.job_id) for lease in leases)], cached=True)
    _seen(view, worker)
    lost = []
    for lease in leases:
        found = view.get(job_path(lease.job_id))
        if found is not None and runs(found, lease.attempt):
            view.put(job_path(lease.job_id), _renewed(found, lease, view.now + lease_s))
        else:
            lost.append(lease)
    return lost


def _renewed(found: Fields, lease: Lease, lease_until: float) -> Fields:
    renewed = {**found, "lease_until": lease_until, "due_at": lease_until + LEASE_GRACE_S}
    if lease.progress_fraction is not None:
        renewed["progress_fraction"] = float(lease.progress_fraction)
    if lease.progress_note is not None:
        renewed["progress_note"] = rows.text(lease.progress_note)
    return renewed


def _seen(view: View, worker: WorkerInfo) -> None:
    before = view.get(worker_path(worker.id))
    forgotten = before is None or before["seen_at"] < view.now - FORGET_WORKER_S
    started_at = view.now if before is None or forgotten else before["started_at"]
    seen = {**asdict(worker), "started_at": started_at, "seen_at": view.now}
    view.put(worker_path(worker.id), {**seen, EXPIRY: timestamp(view.now + FORGET_WORKER_S)})


def retire(view: View, worker_id: str) -> None:
    """See ``Store.retire``."""
    view.load([worker_path(worker_id)], cached=True)
    view.drop(worker_path(worker_id))


def workers(view: View) -> list[WorkerInfo]:
    """See ``Store.workers``."""
    found = view.query(queries.workers(view.now - FORGET_WORKER_S)).values()
    names = [field.name for field in fields(WorkerInfo)]
    seen = [WorkerInfo(*(each[name] for name in names)) for each in found]
    return sorted(seen, key=lambda worker: (worker.started_at or 0.0, worker.id))
