"""The store on Firestore. What each call does is in the module named after its activity."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job, JobState, NewJob, Reason
from pubsubctl.store.answers import Activity, Added, BatchSeen, Cancelled, Deleted, Page, Retried
from pubsubctl.store.base import Store, Watch
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome, Refused, WorkerInfo
from pubsubctl.store.firestore import (
    adding,
    claiming,
    deleting,
    overview,
    publishing,
    reading,
    recording,
    reviving,
    sweeping,
    working,
)
from pubsubctl.store.firestore.grouping import Calls
from pubsubctl.store.firestore.identity import identify
from pubsubctl.store.firestore.service import Counted, Service
from pubsubctl.store.firestore.watching import FirestoreWatch
from pubsubctl.store.messages import Burial, Due, Published, Returned, Unpublished
from pubsubctl.store.timeline import Event


class FirestoreStore(Store):
    """Jobs in a Firestore database; ``opening.open_store`` makes one."""

    def __init__(self, service: Service, clock: Callable[[], float] | None, *, create: bool) -> None:
        self._service = service
        self._store_id = identify(service, create=create)
        self._calls = Calls(service, clock or service.clock)

    @property
    def store_id(self) -> str:
        """See ``Store.store_id``."""
        return self._store_id

    @property
    def counted(self) -> Counted:
        """What this store has cost so far."""
        return self._service.counted

    def group(self, *, again: bool = False) -> AbstractContextManager[None]:
        """See ``Store.group``."""
        return self._calls.group(again=again)

    def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        """See ``Store.add``."""
        return self._calls.make(lambda view: adding.add(view, jobs))

    def published(self, messages: Iterable[Published]) -> None:
        """See ``Store.published``."""
        taken = list(messages)
        self._calls.make(lambda view: publishing.published(view, taken))

    def unpublished(self, refusals: Iterable[Unpublished]) -> None:
        """See ``Store.unpublished``."""
        refused = list(refusals)
        self._calls.make(lambda view: publishing.unpublished(view, refused))

    def claim(self, claims: Sequence[Claim]) -> list[Claimed | Refused]:
        """See ``Store.claim``."""
        return self._calls.make(lambda view: claiming.claim(view, claims))

    def release(self, leases: Iterable[Lease]) -> None:
        """See ``Store.release``."""
        given_back = list(leases)
        self._calls.make(lambda view: recording.release(view, given_back))

    def record(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """See ``Store.record``."""
        return self._calls.make(lambda view: recording.record(view, outcomes))

    def heartbeat(self, worker: WorkerInfo, leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
        """See ``Store.heartbeat``."""
        return self._calls.make(lambda view: working.heartbeat(view, worker, leases, lease_s=lease_s))

    def retire(self, worker_id: str) -> None:
        """See ``Store.retire``."""
        self._calls.make(lambda view: working.retire(view, worker_id))

    def workers(self) -> list[WorkerInfo]:
        """See ``Store.workers``."""
        return self._calls.make(working.workers)

    def now(self) -> float:
        """See ``Store.now``."""
        return self._calls.clock()

    def bury(self, burials: Sequence[Burial]) -> None:
        """See ``Store.bury``."""
        self._calls.make(lambda view: adding.bury(view, burials))

    def sweep(self, topic: str, *, limit: int, max_crashes: int) -> list[Due]:
        """See ``Store.sweep``."""
        return self._calls.make(lambda view: sweeping.sweep(view, topic, limit=limit, max_crashes=max_crashes))

    def mirrored(self, finished_at: Mapping[str, float | None]) -> None:
        """See ``Store.mirrored``."""
        self._calls.make(lambda view: sweeping.mirrored(view, finished_at))

    def cancel(self, job_ids: Sequence[str]) -> list[Cancelled]:
        """See ``Store.cancel``."""
        return self._calls.make(lambda view: recording.cancel(view, job_ids))

    def retry(self, job_ids: Sequence[str]) -> list[Retried]:
        """See ``Store.retry``."""
        return self._calls.make(lambda view: reviving.retry(view, job_ids))

    def returned(self, messages: Sequence[Returned]) -> None:
        """See ``Store.returned``."""
        self._calls.make(lambda view: reviving.returned(view, messages))

    def history(self, job_id: str) -> list[Event]:
        """See ``Store.history``."""
        return self._calls.make(lambda view: reading.history(view, job_id))

    def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """See ``Store.get``."""
        return self._calls.make(lambda view: reading.get(view, job_ids))

    def ended(self, job_ids: Sequence[str]) -> list[Job]:
        """See ``Store.ended``."""
        return self._calls.make(lambda view: reading.ended(view, job_ids))

    def request(self, job_id: str) -> Request | None:
        """See ``Store.request``."""
        return self._calls.make(lambda view: reading.requests(view, [job_id])).get(job_id)

    def response(self, job_id: str) -> Response | None:
        """See ``Store.response``."""
        return self.responses([job_id]).get(job_id)

    def responses(self, job_ids: Sequence[str]) -> dict[str, Response]:
        """See ``Store.responses``."""
        return self._calls.make(lambda view: reading.responses(view, job_ids))

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
        return self._calls.make(
            lambda view: reading.find(
                view,
                states=states,
                batch_id=batch_id,
                reasons=reasons,
                path=path,
                older_than_s=older_than_s,
                newer_than_s=newer_than_s,
                worker=worker,
                limit=limit,
                cursor=cursor,
            )
        )

    def counts(self, batch_id: str | None = None) -> dict[JobState, int]:
        """See ``Store.counts``."""
        return self._calls.make(lambda view: reading.counts(view, batch_id))

    def batches(self, *, limit: int = 50) -> list[BatchSeen]:
        """See ``Store.batches``."""
        return self._calls.make(lambda view: overview.batches(view, limit))

    def activity(self, *, within_s: float = 3600.0, steps: int = 60) -> Activity:
        """See ``Store.activity``."""
        return self._calls.make(lambda view: overview.activity(view, within_s=within_s, steps=steps))

    def pending(self, topic: str, *, within_s: float) -> int:
        """See ``Store.pending``."""
        return self._calls.make(lambda view: reading.pending(view, topic, within_s))

    def purge(self, *, older_than_s: float, states: Sequence[JobState] = (), limit: int = 1000) -> Deleted:
        """See ``Store.purge``."""
        return self._calls.make(
            lambda view: deleting.purge(view, older_than_s=older_than_s, states=states, limit=limit)
        )

    def purgeable(self, *, older_than_s: float, states: Sequence[JobState] = ()) -> dict[JobState, int]:
        """See ``Store.purgeable``."""
        return self._calls.make(lambda view: deleting.purgeable(view, older_than_s=older_than_s, states=states))

    def delete(self, job_ids: Sequence[str]) -> Deleted:
        """See ``Store.delete``."""
        return self._calls.make(lambda view: deleting.delete_finished(view, job_ids))

    def watch(self, job_ids: Sequence[str] = ()) -> Watch:
        """See ``Store.watch``."""
        self._service.check_open()
        return FirestoreWatch(self._service, job_ids)

    def left_to_do(self) -> list[str]:
        """See ``Store.left_to_do``; Google's emulator asks for nothing."""
        if self._service.is_emulator:
            return []
        from pubsubctl.store.firestore import indexes

        return indexes.commands(self._service.place)

    def close(self) -> None:
        """See ``Store.close``."""
        self._service.close()
