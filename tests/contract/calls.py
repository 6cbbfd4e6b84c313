"""Every call of a store that asks the database something."""

from collections.abc import Callable

from given import TOPIC, a_claim, a_job, an_outcome

from pubsubctl.errors import PubsubctlError
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Lease, WorkerInfo
from pubsubctl.store.messages import Burial, Published, Returned, Unpublished

CALLS: dict[str, Callable[[Store], object]] = {
    "add": lambda store: store.add([a_job("new", idempotency_key="key")]),
    "published": lambda store: store.published([Published("job-1", "message-1")]),
    "unpublished": lambda store: store.unpublished([Unpublished("job-1", "gone")]),
    "claim": lambda store: store.claim([a_claim()]),
    "release": lambda store: store.release([Lease("job-1", 1)]),
    "record": lambda store: store.record([an_outcome()]),
    "heartbeat": lambda store: store.heartbeat(WorkerInfo("w", "h", 1, "a", "s", 1), [], lease_s=1.0),
    "retire": lambda store: store.retire("w"),
    "workers": lambda store: store.workers(),
    "bury": lambda store: store.bury([Burial("msg-1", "1", TOPIC, "error", (), b"")]),
    "sweep": lambda store: store.sweep(TOPIC, limit=1, max_crashes=1),
    "mirrored": lambda store: store.mirrored({"job-1": 1.0}),
    "cancel": lambda store: store.cancel(["job-1"]),
    "retry": lambda store: store.retry(["job-1"]),
    "returned": lambda store: store.returned([Returned("job-1", "message-1", "error")]),
    "history": lambda store: store.history("job-1"),
    "ended": lambda store: store.ended(["job-1"]),
    "get": lambda store: store.get(["job-1"]),
    "request": lambda store: store.request("job-1"),
    "response": lambda store: store.response("job-1"),
    "responses": lambda store: store.responses(["job-1"]),
    "find": lambda store: store.find(),
    "counts": lambda store: store.counts(),
    "batches": lambda store: store.batches(),
    "activity": lambda store: store.activity(),
    "pending": lambda store: store.pending(TOPIC, within_s=1.0),
    "purge": lambda store: store.purge(older_than_s=0.0),
    "purgeable": lambda store: store.purgeable(older_than_s=0.0),
    "delete": lambda store: store.delete(["job-1"]),
}


def raised(call: Callable[[Store], object], store: Store) -> PubsubctlError | None:
    """What it raises that is ours; anything else goes through."""
    try:
        call(store)
    except PubsubctlError as error:
        return error
    return None
