"""Looking at jobs again and again: what is shown while one waits, or watches."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from pubsubctl.broker.connection import Address, answers
from pubsubctl.job import FINISHED, Job, JobState
from pubsubctl.liveness import ALIVE_S, alive
from pubsubctl.render.batch import BatchView
from pubsubctl.render.plain import first_at_work
from pubsubctl.store.base import LEASE_GRACE_S, Store
from pubsubctl.store.claims import WorkerInfo

_CHECK_S = 2.0
_WINDOW_S = 10.0
_RUNNING, _SHOWN, _FAILURES = 100, 8, 5
_AT_ONCE = 1000


class Surroundings:
    """What jobs need to go on: a broker and a worker. Looked at now and then, not at every frame.

    Args:
        store: where workers give their signs of life.
        address: the broker's; None where none is known.
        lease_s: how long a job stays with a worker that gives none.
    """

    def __init__(self, store: Store, address: Address | None, lease_s: float = ALIVE_S) -> None:
        self._store = store
        self._address = address
        self._lease_s = lease_s
        self._ahead_s = store.now() - time.time()
        self._checked_at = float("-inf")
        self._notices: tuple[str, ...] = ()
        self._gone: Mapping[str, WorkerInfo] = {}
        self._slots = 0

    def now(self) -> float:
        """The time by the store's clock, near enough."""
        return time.time() + self._ahead_s

    def notices(self) -> tuple[str, ...]:
        """What is missing, a line each."""
        self._refresh()
        return self._notices

    def notices_of(self, job: Job) -> tuple[str, ...]:
        """The same, and what keeps this job from going on."""
        self._refresh()
        worker = self._gone.get(job.worker or "") if job.state is JobState.RUNNING else None
        if worker is None or worker.seen_at is None:
            return self._notices
        again = worker.seen_at + self._lease_s + LEASE_GRACE_S
        when = f"by {_clock(again)}" if again > self.now() else "as soon as a worker looks"
        return (f"its worker is gone since {_clock(worker.seen_at)}; it begins again {when}", *self._notices)

    def slots(self) -> int:
        """How many jobs can run at once, on all workers that live."""
        self._refresh()
        return self._slots

    def _refresh(self) -> None:
        if time.monotonic() - self._checked_at >= _CHECK_S:
            self._notices = tuple(self._look())
            self._checked_at = time.monotonic()

    def _look(self) -> Iterator[str]:
        if self._address is not None and not answers(self._address, timeout_s=0.3):
            yield f"no broker answers at {self._address.place}; still waiting: results are in the store"
        now = self.now()
        workers = self._store.workers()
        living = [worker for worker in workers if alive(worker, now, self._lease_s)]
        self._gone = {worker.id: worker for worker in workers if worker not in living}
        self._slots = sum(worker.slots for worker in living)
        if not living:
            yield "no worker is running; start one with `pubsubctl worker start APP`"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


class Pace:
    """How many jobs end in a second, of late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._seen: deque[tuple[float, int]] = deque([(self._began, 0)])

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def rate(self, ended: int) -> float | None:
        """The rate, told how many have ended by now; None where too little is known."""
        now = self._clock()
        self._seen.append((now, ended))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW_S:  # noqa: PLR2004 - two make a slope
            self._seen.popleft()
        since, before = self._seen[0]
        return (ended - before) / (now - since) if now - since >= 1 and ended > before else None


class Batch:
    """The jobs of one submit, with those of others that an idempotency key has led to.

    Args:
        submitting: whether this process submits them, and so knows when that began.
    """

    def __init__(self, store: Store, batch_id: str, surroundings: Surroundings, *, submitting: bool) -> None:
        self._store = store
        self._batch_id = batch_id
        self._surroundings = surroundings
        self._submitting = submitting
        self._pace = Pace()
        self._others: dict[str, None] = {}
        self._all_others: set[str] = set()
        self._ended_others = dict.fromkeys(JobState, 0)
        self._failures: dict[str, Job] = {}
        self._known_failures = 0
        self._room = 0

    def also(self, job_id: str) -> bool:
        """Follow a job that was there before; False if it is followed already."""
        (job,) = self._store.get([job_id])
        if job is None or job.batch_id == self._batch_id or job_id in self._all_others:
            return False
        self._all_others.add(job_id)
        self._others[job_id] = None
        return True

    def jobs(self) -> Iterator[Job]:
        """All of them, the newest first."""
        yield from filter(None, self._store.get(list(self._all_others)))
        cursor: str | None = None
        while True:
            page = self._store.find(batch_id=self._batch_id, limit=_AT_ONCE, cursor=cursor)
            yield from page.jobs
            cursor = page.next_cursor
            if cursor is None:
                return

    def look(self, submitted: int | None = None, *, submitting: bool = False) -> BatchView:
        """What it looks like now.

        Args:
            submitted: how many jobs are known to be there; the store may have more of the same bulk. None where
                only the store can tell, because another process submits them.
            submitting: whether there will be more.
        """
        counts = self._counts()
        total = sum(counts.values())
        slots = self._surroundings.slots()
        running = self._find([JobState.RUNNING], _RUNNING) if counts[JobState.RUNNING] else []
        running = sorted(running, key=first_at_work)[: min(_SHOWN, slots)]
        self._room = max(self._room, len(running))
        self._note_failures(counts[JobState.FAILED] + counts[JobState.CANCELLED])
        return BatchView(
            batch_id=self._batch_id,
            submitted=total if submitted is None else max(submitted, total) if submitting else submitted,
            submitting=submitting,
            counts=counts,
            elapsed_s=self._pace.elapsed_s if self._submitting else None,
            per_second=self._pace.rate(sum(counts[state] for state in FINISHED)),
            running=running,
            room=self._room,
            failures=list(self._failures.values()),
            now=self._surroundings.now(),
            notices=self._surroundings.notices(),
            slots=slots,
        )

    def _counts(self) -> dict[JobState, int]:
        counts = self._store.counts(self._batch_id)
        for job in look_at(self._store, self._others, list(self._others)[:_AT_ONCE]):
            if job.finished:
                del self._others[job.id]
                self._ended_others[job.state] += 1
        return {state: counts[state] + self._ended_others[state] for state in JobState}

    def _note_failures(self, count: int) -> None:
        if count == self._known_failures or len(self._failures) == _FAILURES:
            return
        self._known_failures = count
        for job in reversed(self._find([JobState.FAILED, JobState.CANCELLED], 2 * _FAILURES)):
            if len(self._failures) < _FAILURES:
                self._failures.setdefault(job.id, job)

    def _find(self, states: list[JobState], limit: int) -> list[Job]:
        return self._store.find(states=states, batch_id=self._batch_id, limit=limit).jobs


class Endings:
    """Tells each job once, when it has ended. Holds the ids of those that have not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: dict[str, None] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, job_id: str) -> None:
        """Watch one more."""
        self._pending[job_id] = None

    def take(self) -> list[Job]:
        """Those that have ended since the last call: of the oldest, where it is likely, and of some others in turn."""
        ids = list(self._pending)
        others = ids[_AT_ONCE:]
        start = self._turn * _AT_ONCE % max(1, len(others))
        self._turn += 1
        ended = [job for job in look_at(self._store, self._pending, ids[:_AT_ONCE]) if job.finished]
        ended += [job for job in look_at(self._store, self._pending, others[start : start + _AT_ONCE]) if job.finished]
        for job in ended:
            del self._pending[job.id]
        return ended


def look_at(store: Store, pending: dict[str, None], job_ids: list[str]) -> list[Job]:
    """The jobs of these ids; ids that the store no longer has are dropped from ``pending``."""
    found: list[Job] = []
    for job_id, job in zip(job_ids, store.get(job_ids), strict=True):
        if job is None:
            pending.pop(job_id, None)
        else:
            found.append(job)
    return found
