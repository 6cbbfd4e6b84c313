"""The contract of a store. Whoever keeps it can be one; tests/contract holds every backend to it.

**One result.** A job's result is recorded at most once, whatever the broker delivers twice and whoever dies.
That rests on two things a store must do atomically, for any number of processes on any number of machines:

* ``claim`` moves a job to ``running`` and raises its attempt number in one step. Of any number of claims of
  the same job at the same time exactly one is granted; the others are refused, with the reason.
* ``record`` applies only while the job is ``running`` under the very attempt number that the outcome names.
  An outcome of an attempt that was overtaken, cancelled or given up is refused and changes nothing.

**Fencing.** An attempt number never goes back, not by ``release``, ``retry`` or a crash: so it fences every later
write of an older attempt. ``delete`` and ``purge`` alone let a number begin anew, with the job itself.

**Refusals are always safe.** A store that cannot decide about a claim at once, since another transaction has the job,
may refuse it as ``HELD`` with a short ``wait_s``: it is asked for again. It must not grant what may have been granted.

**Lost answers.** A store may go away after it has done what was asked, and before it has said so. Whoever asks again
says that it does (``Claim.token``, ``Outcome.again``), and is told what was done then. All other calls can be
repeated without harm, but for ``add`` of jobs without an idempotency key.

**The store's clock.** Every time in a row is the store's own. Callers give durations (a lease of 60 s, a retry
in 2 s), never times, so a worker with a wrong clock does no harm. Where the database has a clock, that one counts; a
file has none but the machine's.

**Durability.** A call has returned only when what it did survives a crash of the machine. Calls inside one
``group()`` may share one durable write, made when the group ends: nothing in it may be told to the outside before.
A group that raises has done nothing. A call that raises inside a group undoes all of it, even if the caller catches
that: further calls in the group, and its end, raise ``StoreError``. A group that lost a race against others, which it
could not run again by itself, raises ``StoreUnreachable``: its caller does.

**Reading.** A read sees every write that had returned before it began, by whatever process; inside of a group also what
the group has written. ``find`` is ordered by creation, newest first, jobs of one moment by id, as Python orders
strings; its pages neither repeat nor skip a job that stays in the store and keeps its state.

**Waiting.** ``Watch.wait`` may return early without cause, and a few milliseconds late (where it is told by a network,
as late as that is). It wakes for every change that is committed after the watch was made, but for one: what was
committed by a process that died before it could tell, or while the watch had lost its connection. So whoever waits
also looks now and then by itself; a watch that finds its connection again returns at once. Whoever reads after
``wait`` returned true sees whatever woke it. Many changes may be one waking.

**Due.** Every job that has not finished carries a time at which somebody must act if nobody has: ``sweep`` finds
those. It is what keeps jobs from staying ``queued``, ``retrying`` or ``running`` for ever:

====================================  ==================================================================
a row                                 is due
====================================  ==================================================================
added, not known to be published      ``PUBLISH_GRACE_S`` after its insertion, or its delay
published                             ``LOST_MESSAGE_S`` after that: the broker may have forgotten it
running                               ``LEASE_GRACE_S`` after its lease ran out
retrying                              at ``not_before``; if its message is held, ``LEASE_GRACE_S`` after that
released                              ``LEASE_GRACE_S`` later: its message was nacked and should be back
failed, dead letter not yet mirrored  at once
====================================  ==================================================================

Many threads may use one store at once; a group belongs to the thread that opened it. A call blocks its own thread only;
one whose store has gone without a word ends within some 30 s, as ``StoreUnreachable``.

**Another backend** is a class that implements ``Store`` and ``Watch``, and a function that opens it, announced as an
entry point; see ``opening``. ``deciding.decide`` decides about a claim, so that every backend decides alike. To hold it
to this contract, write a ``Backend`` as tests/contract/backends.py has them, and run the suite over it alone::

    PUBSUBCTL_TEST_BACKEND=yourpackage.testing:YourBackend scripts/test tests/contract
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Self

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job, JobState, NewJob, Reason
from pubsubctl.store.answers import Activity, Added, BatchSeen, Cancelled, Deleted, Page, Retried, Space
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome, Refused, WorkerInfo
from pubsubctl.store.messages import Burial, Due, Published, Returned, Unpublished
from pubsubctl.store.timeline import Event

PUBLISH_GRACE_S = 60.0
LEASE_GRACE_S = 60.0
LOST_MESSAGE_S = 24 * 3600.0
NOTHING_TO_REWRITE = "the server of this store gives space back by itself; there is nothing to be written anew"


class Watch(ABC):
    """Wakes a waiter when the store may have changed. Belongs to one thread."""

    trusted_s = 1.0
    """How long a waiter may trust it alone before it looks for itself: longer where each look costs money."""

    @abstractmethod
    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as something may have changed since the last call, False after ``timeout_s``."""

    def narrowed(self, job_ids: Sequence[str]) -> Sequence[str]:
        """Those of the jobs that may have ended or gone, as far as it can tell without asking; all by default."""
        return job_ids

    @abstractmethod
    def close(self) -> None:
        """Give back what it holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Store(ABC):
    """Jobs, their requests and results. See the module for what every method promises.

    Any method raises ``StoreUnreachable`` when the store is away, ``StoreError`` when it refuses.
    """

    @property
    @abstractmethod
    def store_id(self) -> str:
        """The identity of the data, made once with the schema; messages carry it."""

    @abstractmethod
    def group(self, *, again: bool = False) -> AbstractContextManager[None]:
        """Let the calls inside share one durable write.

        Args:
            again: the caller does the group again where it raises ``StoreUnreachable``. So a store that locks nothing
                cheaply may let it lose a race, and raise that at its end, where it would hold what it changes else.
        """

    @abstractmethod
    def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        """Insert jobs as ``queued``, or find those whose idempotency key is known. One answer a job, in order.

        A key is not used up by a job that could not be published: where its job has failed, reason ``unpublished``,
        and has the same request, that job is queued again. It keeps its id, its counts and the time of its creation;
        its batch, delay, limits, ordering key and topic are the new ones, and it is due as a new row is. Failures and
        crashes that it has had, if it was retried, do not count towards those limits.

        Raises:
            StoreError: an id is taken.
        """

    @abstractmethod
    def published(self, messages: Iterable[Published]) -> None:
        """Note which message carries a job; one that may not run yet stays due at its time."""

    @abstractmethod
    def unpublished(self, refusals: Iterable[Unpublished]) -> None:
        """Mark ``queued`` and ``retrying`` jobs as failed, reason ``unpublished``.

        A job that may have a message under way is left alone: one that was published, was released, is held, or whose
        worker crashed. ``record`` lets go of the message of a job that is to be retried, unless it is held.
        """

    @abstractmethod
    def claim(self, claims: Sequence[Claim]) -> list[Claimed | Refused]:
        """Ask for jobs. One answer a claim, in order; two claims of one job in a call are two claims."""

    @abstractmethod
    def release(self, leases: Iterable[Lease]) -> None:
        """Give back attempts that were not made: ``queued`` again, counted nowhere but in the attempt number.

        Of one that is cancelled already only the log is kept.
        """

    @abstractmethod
    def record(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Write how attempts ended. One answer an outcome: False where the attempt was no longer the current one."""

    @abstractmethod
    def heartbeat(self, worker: WorkerInfo, leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
        """Say that a worker lives, renew its leases, keep what progress they report (None leaves it as it was).

        A lease that ran out, but whose job nobody has taken since, is renewed too.

        Returns:
            Those of the leases that are lost: cancelled, overtaken or unknown.
        """

    @abstractmethod
    def retire(self, worker_id: str) -> None:
        """Forget a worker that has ended."""

    @abstractmethod
    def workers(self) -> list[WorkerInfo]:
        """All workers that have not retired, the longest running first."""

    @abstractmethod
    def now(self) -> float:
        """The store's clock, seconds since the epoch."""

    @abstractmethod
    def bury(self, burials: Sequence[Burial]) -> None:
        """Keep messages that are no jobs.

        One that is known already is left as it is, unless it was buried and is asked for again: then it has failed once
        more.
        """

    @abstractmethod
    def sweep(self, topic: str, *, limit: int, max_crashes: int) -> list[Due]:
        """Take up to ``limit`` due jobs of a topic, oldest first; nobody else gets them for ``PUBLISH_GRACE_S``.

        A call that finds nothing due must be cheap: it takes no write lock.

        A running job whose lease ran out has crashed once more: it becomes ``retrying``, or failed when it has
        done so ``max_crashes`` times.
        """

    @abstractmethod
    def mirrored(self, finished_at: Mapping[str, float | None]) -> None:
        """Note that dead letters were published, of jobs as they had ended at these times, by the store's clock.

        One that was given up once more since then has another dead letter, which stays due.
        """

    @abstractmethod
    def cancel(self, job_ids: Sequence[str]) -> list[Cancelled]:
        """Move jobs that have not finished to ``cancelled``. A worker learns of it by its next heartbeat."""

    @abstractmethod
    def retry(self, job_ids: Sequence[str]) -> list[Retried]:
        """Queue failed and cancelled jobs again; they are due at once, so that a sweeper publishes them.

        A job keeps its id, its history and its counts. It is allowed as many failures more as it was allowed at first,
        and ``max_crashes`` crashes more: ``max_attempts`` is raised, the attempt number goes on. Its response goes. The
        messages that it had bring it no more (``SPENT``): they may come again, if their acks were lost, and too early.
        """

    @abstractmethod
    def returned(self, messages: Sequence[Returned]) -> None:
        """Note messages that the broker has dead-lettered.

        A job that waits for that very message has failed, reason ``dead-lettered``; its dead letter is where it should
        be already. For any other job it is no more than an event.
        """

    @abstractmethod
    def history(self, job_id: str) -> list[Event]:
        """All that is known to have happened to a job, oldest first; nothing for an unknown one.

        Of very many events the oldest in the middle are dropped.
        """

    @abstractmethod
    def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Jobs by id, in order; None where there is none."""

    @abstractmethod
    def ended(self, job_ids: Sequence[str]) -> list[Job]:
        """Those of these jobs that have ended, in any order: asked again and again while many are waited for."""

    @abstractmethod
    def request(self, job_id: str) -> Request | None:
        """What a job was asked to run."""

    @abstractmethod
    def response(self, job_id: str) -> Response | None:
        """What a finished job was answered; None where there is no such job or it has no response."""

    @abstractmethod
    def responses(self, job_ids: Sequence[str]) -> dict[str, Response]:
        """What these jobs were answered, by their ids: of those that have a response."""

    @abstractmethod
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
        """Jobs by state, batch and so on (all where nothing is given), newest first, a page at a time.

        Args:
            states: those that a job may be in.
            batch_id: the submit that it belongs to.
            reasons: those that a job may have failed for.
            path: a shell pattern (``*``, ``?``) for its path, query and all.
            older_than_s: it was created at least so long ago.
            newer_than_s: it was created at most so long ago.
            worker: the id of the one that made its last attempt. No index serves that, which each claim would pay for:
                a page looks at no more than some thousands of jobs, and may have few or none where more follow.
            limit: the most jobs of a page.
            cursor: where the page before ended.

        Raises:
            InvalidCursor: the cursor is not one that ``find`` gave.
        """

    @abstractmethod
    def counts(self, batch_id: str | None = None) -> dict[JobState, int]:
        """How many jobs are in each state, every state named: of all at once however many there are, or of a batch."""

    @abstractmethod
    def batches(self, *, limit: int = 50) -> list[BatchSeen]:
        """The batches with the newest jobs, newest first, with how many jobs of each are in each state.

        It is bounded what a call looks at: where there are very many batches, one may be missing that has no job
        among the newest thousands.
        """

    @abstractmethod
    def activity(self, *, within_s: float = 3600.0, steps: int = 60) -> Activity:
        """How many jobs have ended of late, step by step, and how long the latest of them waited and ran.

        Args:
            within_s: how far back.
            steps: into how many that time is cut; fewer where each costs money, as the answer tells.

        Raises:
            StoreError: there is no such time, or no step.
        """

    @abstractmethod
    def pending(self, topic: str, *, within_s: float) -> int:
        """How many jobs of a topic have not finished, but for those that may not run within ``within_s`` from now."""

    @abstractmethod
    def purge(self, *, older_than_s: float, states: Sequence[JobState] = (), limit: int = 1000) -> Deleted:
        """Delete up to ``limit`` jobs that finished more than ``older_than_s`` ago, of a state those that did so first.

        Only finished jobs are ever deleted, with their requests, responses and history. Several may purge at the same
        time: each job is deleted, and counted, by one of them; so less than ``limit`` may mean that another has some.
        """

    @abstractmethod
    def purgeable(self, *, older_than_s: float, states: Sequence[JobState] = ()) -> dict[JobState, int]:
        """How many jobs ``purge`` would delete if there were no limit, by state; only states that have some."""

    @abstractmethod
    def delete(self, job_ids: Sequence[str]) -> Deleted:
        """Delete those of the jobs that have finished, as ``purge`` does. The others are left.

        Their idempotency keys are free again. A message of such a job that comes after all is a job that the store does
        not know: see ``claim``.
        """

    def space(self) -> Space | None:
        """The room that it takes; None where that is nobody's concern, as its server sees to it."""
        return None

    def reclaim(self, *, keep: float = 0.0) -> bool:  # noqa: ARG002 - for those that have something to do
        """Give some of the room that deleted jobs have left back to the disk: no more than takes some milliseconds.

        Args:
            keep: the share of the whole that may stay free, for the jobs that come.

        Returns:
            Whether there is more.
        """
        return False

    def rewrite(self) -> None:
        """Write all of it anew, without the room that deleted jobs have left; nobody can write until that is done.

        It takes as much room again for that time. Afterwards ``reclaim`` gives back what becomes free. What is kept
        beside the jobs, such as their numbers, is made anew with it.

        Raises:
            StoreError: there is nothing to be written anew.
        """
        raise StoreError(NOTHING_TO_REWRITE)

    @abstractmethod
    def watch(self, job_ids: Sequence[str] = ()) -> Watch:
        """A waiter of its own.

        Args:
            job_ids: what is waited for, if that is known: for other jobs a store need not wake it.
        """

    def left_to_do(self) -> list[str]:
        """Commands that are still to be run, by somebody who may, before it is quick and tidies up by itself."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Give back every connection. The store cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
