"""The right to run a job: asked for, granted or refused, kept by a worker that lives, and how its attempt ended."""

from dataclasses import dataclass
from enum import StrEnum

from pubsubctl.exchange import Request, Response
from pubsubctl.job import JobState, Reason

FORGET_WORKER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery asking for the right to run its job now.

    Attributes:
        job_id: the job.
        message_id: of the message that was delivered.
        worker_id: who asks.
        lease_s: how long the right lasts unless a heartbeat renews it.
        max_attempts: for a job that does not say itself; the first claim's is the job's from then on.
        max_crashes: attempts that may end without a record before the job is given up.
        age_s: seconds since the message was published. A job that the store does not know is inserted, from
            ``request``, unless its message is older than ``max_age_s``.
        max_age_s: how long results are kept (``result_ttl``).
        request: what the message carries.
        topic: the full name of the topic that the worker publishes to when the job is due again.
        batch_id: as in the message.
        ordering_key: as in the message.
        first_asked_s: seconds since it was made for the first time, where the store went away before it answered: what
            was granted then, to this worker and by this message, is told now.
    """

    job_id: str
    message_id: str
    worker_id: str
    lease_s: float
    max_attempts: int
    max_crashes: int
    age_s: float
    max_age_s: float
    request: Request
    topic: str
    batch_id: str | None = None
    ordering_key: str = ""
    first_asked_s: float | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that was granted.

    Attributes:
        attempt: the number of this attempt, the fencing token of its outcome.
        failures: recorded failures so far.
        max_attempts: failures that the job is allowed.
        timeout_s: what the job itself says an attempt may take, or None.
        crashes: attempts so far that ended without a record.
    """

    job_id: str
    attempt: int
    failures: int
    max_attempts: int
    timeout_s: float | None = None
    crashes: int = 0


class Refusal(StrEnum):
    """Why a claim was not granted."""

    DONE = "done"  # it has a result, or has failed
    CANCELLED = "cancelled"
    BUSY = "busy"  # it runs under another message, which will take care of it
    HELD = "held"  # it runs under this very message, redelivered too early; or others write it at this moment
    NOT_DUE = "not-due"  # its next attempt is later, and the sweeper will publish it then
    CRASHED = "crashed"  # too many attempts ended without a record: this claim has made it failed
    SPENT = "spent"  # somebody has asked for the job again, and this message is one that had brought it before
    FORGOTTEN = "forgotten"  # unknown, and its message is older than results are kept


@dataclass(frozen=True, slots=True)
class Refused:
    """A claim that was not granted.

    Attributes:
        wait_s: for ``HELD`` and ``NOT_DUE``, seconds until asking again makes sense.
    """

    job_id: str
    refusal: Refusal
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A running attempt that its worker still works on, with the progress reported since the last heartbeat.

    Attributes:
        log: where it is given back, or was stopped, the last of what its application printed.
    """

    job_id: str
    attempt: int
    progress_fraction: float | None = None
    progress_note: str | None = None
    log: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        job_id: the job.
        attempt: the attempt's number; any other than the current one is refused.
        state: ``SUCCEEDED``, ``FAILED`` or ``RETRYING``.
        reason: None for a success.
        error: one line for people.
        response: what the application answered, if it did. Kept with a finished job; of a retried attempt only
            its status is.
        retry_in_s: for ``RETRYING``, seconds until the next attempt is due.
        crashed: the attempt ended without a record of the application's: counts as a crash, not as a failure.
        dead_letter: the job is given up, and its dead letter is still to be mirrored.
        held: for ``RETRYING``: its message stays with the worker that holds it (a job with an ordering key), so the
            sweeper takes it only ``LEASE_GRACE_S`` after it is due.
        log: the last of what the application printed and logged in this attempt.
        again: it was told before, and the store went away before it answered: it may be recorded already.
    """

    job_id: str
    attempt: int
    state: JobState
    reason: Reason | None = None
    error: str | None = None
    response: Response | None = None
    retry_in_s: float = 0.0
    crashed: bool = False
    dead_letter: bool = False
    held: bool = False
    log: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker as ``status`` shows it.

    Attributes:
        id: unique for each start of a worker.
        slots: how many jobs it can run at once; ``busy`` is how many it runs.
        started_at: by the store's clock, as is ``seen_at``, its last heartbeat; None before the first.
        held: how many messages it has beyond those of the jobs that it runs: nobody else is sent them meanwhile.
    """

    id: str
    host: str
    pid: int
    app: str
    subscription: str
    slots: int
    busy: int = 0
    started_at: float | None = None
    seen_at: float | None = None
    held: int = 0
