"""The store on a SQL database. What each call does is in the module named after its activity."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from pubsubctl.errors import StoreBusy
from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job, JobState, NewJob, Reason
from pubsubctl.store import (
    adding,
    burying,
    claiming,
    deleting,
    history,
    overview,
    publishing,
    reading,
    recording,
    releasing,
    retrying,
    sweeping,
    working,
)
from pubsubctl.store.answers import Activity, Added, BatchSeen, Cancelled, Deleted, Page, Retried, Space
from pubsubctl.store.base import Store, Watch
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome, Refused, WorkerInfo
from pubsubctl.store.messages import Burial, Due, Published, Returned, Unpublished
from pubsubctl.store.tallies import RECOUNT
from pubsubctl.store.timeline import Event
from pubsubctl.store.transaction import Database, Transaction

Answer = TypeVar("Answer")

_RACES_LOST = 3


class SqlStore(Store):
    """Jobs in a SQL database; ``opening.open_store`` makes one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def store_id(self) -> str:
        """See ``Store.store_id``."""
        return self._database.store_id

    def group(self, *, again: bool = False) -> AbstractContextManager[None]:  # noqa: ARG002 - it never loses a race
        """See ``Store.group``."""
        return self._database.group()

    def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        """See ``Store.add``."""
        return self._written(lambda transaction: adding.add(transaction, jobs))

    def published(self, messages: Iterable[Published]) -> None:
        """See ``Store.published``."""
        told = list(messages)
        self._written(lambda transaction: publishing.published(transaction, told))

    def unpublished(self, refusals: Iterable[Unpublished]) -> None:
        """See ``Store.unpublished``."""
        told = list(refusals)
        self._written(lambda transaction: publishing.unpublished(transaction, told))

    def claim(self, claims: Sequence[Claim]) -> list[Claimed | Refused]:
        """See ``Store.claim``."""
        return self._written(lambda transaction: claiming.claim(transaction, claims))

    def release(self, leases: Iterable[Lease]) -> None:
        """See ``Store.release``."""
        given_back = list(leases)
        self._written(lambda transaction: releasing.release(transaction, given_back))

    def record(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """See ``Store.record``."""
        return self._written(lambda transaction: recording.record(transaction, outcomes))

    def heartbeat(self, worker: WorkerInfo, leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
        """See ``Store.heartbeat``."""
        return self._written(lambda transaction: working.heartbeat(transaction, worker, leases, lease_s=lease_s))

    def retire(self, worker_id: str) -> None:
        """See ``Store.retire``."""
        self._written(lambda transaction: working.retire(transaction, worker_id))

    def workers(self) -> list[WorkerInfo]:
        """See ``Store.workers``."""
        with self._database.read() as transaction:
            return working.workers_seen(transaction)

    def now(self) -> float:
        """See ``Store.now``."""
        return self._database.now()

    def bury(self, burials: Sequence[Burial]) -> None:
        """See ``Store.bury``."""
        self._written(lambda transaction: burying.bury(transaction, burials))

    def sweep(self, topic: str, *, limit: int, max_crashes: int) -> list[Due]:
        """See ``Store.sweep``."""
        with self._database.read() as transaction:
            if not sweeping.is_due(transaction, topic):
                return []
        return self._written(
            lambda transaction: sweeping.sweep(transaction, topic, limit=limit, max_crashes=max_crashes)
        )

    def mirrored(self, finished_at: Mapping[str, float | None]) -> None:
        """See ``Store.mirrored``."""
        self._written(lambda transaction: sweeping.mirrored(transaction, finished_at))

    def cancel(self, job_ids: Sequence[str]) -> list[Cancelled]:
        """See ``Store.cancel``."""
        return self._written(lambda transaction: recording.cancel(transaction, job_ids))

    def retry(self, job_ids: Sequence[str]) -> list[Retried]:
        """See ``Store.retry``."""
        return self._written(lambda transaction: retrying.retry(transaction, job_ids))

    def returned(self, messages: Sequence[Returned]) -> None:
        """See ``Store.returned``."""
        self._written(lambda transaction: retrying.returned(transaction, messages))

    def history(self, job_id: str) -> list[Event]:
        """See ``Store.history``."""
        with self._database.read() as transaction:
            return history.history(transaction, job_id)

    def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """See ``Store.get``."""
        with self._database.read() as transaction:
            found = reading.jobs_by_id(transaction, job_ids)
        return [found.get(job_id) for job_id in job_ids]

    def ended(self, job_ids: Sequence[str]) -> list[Job]:
        """See ``Store.ended``."""
        with self._database.read() as transaction:
            return reading.ended_by_id(transaction, job_ids)

    def request(self, job_id: str) -> Request | None:
        """See ``Store.request``."""
        with self._database.read() as transaction:
            return reading.requests_by_id(transaction, [job_id]).get(job_id)

    def response(self, job_id: str) -> Response | None:
        """See ``Store.response``."""
        with self._database.read() as transaction:
            return reading.response_of(transaction, job_id)

    def responses(self, job_ids: Sequence[str]) -> dict[str, Response]:
        """See ``Store.responses``."""
        with self._database.read() as transaction:
            return reading.responses_by_id(transaction, job_ids)

    def find(
        self,
        *,
        states: Sequence[JobState] = (),
        batch_id: str | None = None,
        reasons: Sequence[Reason] = (),
        path: str | None = None,
        older_than_s: float | None = None,
        newer_than_s: float | None = None,
        worker: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """See ``Store.find``."""
        wanted = reading.Filter(states, batch_id, reasons, path, older_than_s, newer_than_s, worker)
        with self._database.read() as transaction:
            return reading.find(transaction, wanted, limit=limit, cursor=cursor)

    def counts(self, batch_id: str | None = None) -> dict[JobState, int]:
        """See ``Store.counts``."""
        with self._database.read() as transaction:
            return reading.counts(transaction, batch_id)

    def batches(self, *, limit: int = 50) -> list[BatchSeen]:
        """See ``Store.batches``."""
        with self._database.read() as transaction:
            return overview.batches(transaction, limit)

    def activity(self, *, within_s: float = 3600.0, steps: int = 60) -> Activity:
        """See ``Store.activity``."""
        with self._database.read() as transaction:
            return overview.activity(transaction, within_s=within_s, steps=steps)

    def pending(self, topic: str, *, within_s: float) -> int:
        """See ``Store.pending``."""
        with self._database.read() as transaction:
            return reading.pending(transaction, topic, within_s)

    def purge(self, *, older_than_s: float, states: Sequence[JobState] = (), limit: int = 1000) -> Deleted:
        """See ``Store.purge``."""
        return self._written(
            lambda transaction: deleting.purge(transaction, older_than_s=older_than_s, states=states, limit=limit)
        )

    def purgeable(self, *, older_than_s: float, states: Sequence[JobState] = ()) -> dict[JobState, int]:
        """See ``Store.purgeable``."""
        with self._database.read() as transaction:
            return deleting.purgeable(transaction, older_than_s=older_than_s, states=states)

    def delete(self, job_ids: Sequence[str]) -> Deleted:
        """See ``Store.delete``."""
        return self._written(lambda transaction: deleting.delete_finished(transaction, job_ids))

    def space(self) -> Space | None:
        """See ``Store.space``."""
        return self._database.space()

    def reclaim(self, *, keep: float = 0.0) -> bool:
        """See ``Store.reclaim``."""
        return self._database.reclaim(keep=keep)

    def rewrite(self) -> None:
        """See ``Store.rewrite``."""
        self._database.rewrite()
        self._written(lambda transaction: transaction.change(RECOUNT))

    def watch(self, job_ids: Sequence[str] = ()) -> Watch:  # noqa: ARG002 - it wakes for all
        """See ``Store.watch``."""
        return self._database.watch()

    def _written(self, call: Callable[[Transaction], Answer]) -> Answer:
        """What a call answers; made again where it lost a race against others. In a group its owner must do that."""
        for _ in range(_RACES_LOST):
            try:
                with self._database.write() as transaction:
                    return call(transaction)
            except StoreBusy:
                if self._database.in_group:
                    raise
        with self._database.write() as transaction:
            return call(transaction)

    def close(self) -> None:
        """See ``Store.close``."""
        self._database.close()
