"""What a sandbox leaves in a store that is not its own: taken out of it again."""

from collections.abc import Sequence

from pubsubctl.claimcheck import ClaimCheck
from pubsubctl.job import FINISHED, JobState
from pubsubctl.store.base import Store

_AT_ONCE = 1000
_UNFINISHED = [state for state in JobState if state not in FINISHED]


def delete(store: Store, bodies: ClaimCheck, batch_ids: Sequence[str]) -> None:
    """Delete all jobs of these batches; those that have not ended are cancelled first. Nobody may run them any more.

    Args:
        store: where they are.
        bodies: what keeps their large bodies.
        batch_ids: which.

    Raises:
        StoreUnreachable: the store is away.
        StoreError: it refuses.
    """
    for batch_id in batch_ids:
        while jobs := store.find(states=_UNFINISHED, batch_id=batch_id, limit=_AT_ONCE).jobs:
            store.cancel([job.id for job in jobs])
        while jobs := store.find(batch_id=batch_id, limit=_AT_ONCE).jobs:
            bodies.delete(store.delete([job.id for job in jobs]).with_payloads)


def retire(store: Store, worker_id: str | None) -> None:
    """Forget a worker that may have been killed before it could say that it ends."""
    if worker_id is not None:
        store.retire(worker_id)
