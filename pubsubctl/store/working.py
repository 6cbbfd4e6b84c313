"""Workers that live: ``heartbeat``, ``retire``, ``workers``."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Float, Text
from sqlalchemy.sql import bindparam, delete, func, insert, select, update

from pubsubctl.store import rows
from pubsubctl.store.attempts import running_attempts
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import FORGET_WORKER_S, Lease, WorkerInfo
from pubsubctl.store.schema import jobs, workers
from pubsubctl.store.statements import Statement
from pubsubctl.store.transaction import Transaction

_RENEW = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(
        progress_fraction=func.coalesce(bindparam("fraction", type_=Float(53)), jobs.c.progress_fraction),
        progress_note=func.coalesce(bindparam("note", type_=Text()), jobs.c.progress_note),
    ),
    ["lease_until", "due_at"],
    at_once=True,
)
_SEEN_COLUMNS = ["host", "pid", "app", "subscription", "slots", "busy", "seen_at", "held"]
_SEEN = Statement(update(workers).where(workers.c.id == bindparam("worker_id")), _SEEN_COLUMNS)
_INSERT = Statement(insert(workers), workers.c.keys())
_RETIRE = Statement(delete(workers).where(workers.c.id == bindparam("worker_id")))
_FORGET = Statement(delete(workers).where(workers.c.seen_at < bindparam("before")))
_ALL = Statement(
    select(workers).where(workers.c.seen_at >= bindparam("since")).order_by(workers.c.started_at, workers.c.id)
)


def heartbeat(transaction: Transaction, worker: WorkerInfo, leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
    """See ``Store.heartbeat``."""
    now = transaction.now()
    _seen(transaction, worker, now)
    running = running_attempts(transaction, [lease.job_id for lease in leases])
    held = [lease for lease in leases if running.get(lease.job_id) == lease.attempt]
    transaction.run(_RENEW, [_renewed_row(lease, now + lease_s) for lease in held])
    return [lease for lease in leases if running.get(lease.job_id) != lease.attempt]


def _renewed_row(lease: Lease, lease_until: float) -> dict[str, Any]:
    return {
        "job_id": lease.job_id,
        "lease_until": lease_until,
        "due_at": lease_until + LEASE_GRACE_S,
        "fraction": lease.progress_fraction,
        "note": rows.text(lease.progress_note) if lease.progress_note is not None else None,
    }


def _seen(transaction: Transaction, worker: WorkerInfo, now: float) -> None:
    row = {
        "host": worker.host,
        "pid": worker.pid,
        "app": worker.app,
        "subscription": worker.subscription,
        "slots": worker.slots,
        "busy": worker.busy,
        "seen_at": now,
        "held": worker.held,
    }
    if not transaction.change(_SEEN, worker_id=worker.id, **row):
        transaction.change(_INSERT, id=worker.id, started_at=now, **row)
    transaction.change(_FORGET, before=now - FORGET_WORKER_S)


def retire(transaction: Transaction, worker_id: str) -> None:
    """See ``Store.retire``."""
    transaction.change(_RETIRE, worker_id=worker_id)


def workers_seen(transaction: Transaction) -> list[WorkerInfo]:
    """See ``Store.workers``."""
    return [WorkerInfo(*row) for row in transaction.fetch(_ALL, since=transaction.now() - FORGET_WORKER_S)]
