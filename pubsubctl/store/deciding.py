"""Who may run a job: the decision about a claim. Pure; every backend takes it inside its transaction."""

from dataclasses import dataclass

from pubsubctl.job import FINISHED, JobState
from pubsubctl.store.claims import Claim, Claimed, Refusal, Refused
from pubsubctl.store.happening import EventRow, event_row
from pubsubctl.store.timeline import EventKind

REFUSALS = {
    Refusal.DONE: "the job has ended already",
    Refusal.CANCELLED: "the job was cancelled",
    Refusal.BUSY: "the job runs under another message",
    Refusal.HELD: "the job runs under this message already",
    Refusal.NOT_DUE: "the job may not run for another {wait_s:.1f} s",
    Refusal.SPENT: "the job has another message since somebody asked for it again",
    Refusal.CRASHED: "too many attempts ended without a record: the job is given up",
}
CRASHED_ERROR = "its attempts ended without a record; look into the worker's log for what kills it"


@dataclass(slots=True)
class Standing:
    """What decides about a claim; ``decide`` keeps it current, so that the next claim of the job meets it."""

    state: JobState
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    max_attempts: int | None = None
    timeout_s: float | None = None
    message_id: str | None = None
    not_before: float | None = None
    lease_until: float | None = None
    created_at: float = 0.0
    forgiven_failures: int = 0
    forgiven_crashes: int = 0
    spent_message_ids: str | None = None
    worker: str | None = None
    started_at: float | None = None
    unread: bool = False  # a message that was buried, and is asked for again: the row does not say what to run
    told: bool = False  # a claim of this call was answered with its attempt

    @property
    def counted_crashes(self) -> int:
        """Those that count towards the limit."""
        return self.crashes - self.forgiven_crashes


def decide(standing: Standing, claim: Claim, now: float) -> Claimed | Refused:
    """Grant or refuse a claim, and make ``standing`` what it is after that. Pure but for ``standing``."""
    if standing.state in FINISHED:
        cancelled = standing.state is JobState.CANCELLED
        return Refused(claim.job_id, Refusal.CANCELLED if cancelled else Refusal.DONE)
    if standing.spent_message_ids is not None and claim.message_id in standing.spent_message_ids.split():
        return Refused(claim.job_id, Refusal.SPENT)
    if standing.state is JobState.RUNNING and _was_granted(standing, claim, now):
        return _granted(standing, claim)
    if standing.state is JobState.RUNNING:
        refused = _while_running(standing, claim, now)
        if refused is not None:
            return refused
    elif standing.not_before is not None and standing.not_before > now:
        return Refused(claim.job_id, Refusal.NOT_DUE, standing.not_before - now)
    return _grant(standing, claim, now)


def _was_granted(standing: Standing, claim: Claim, now: float) -> bool:
    """Whether it is this very claim's attempt that runs, as its worker does not know yet."""
    return (
        claim.first_asked_s is not None
        and not standing.told
        and (standing.worker, standing.message_id) == (claim.worker_id, claim.message_id)
        and (standing.started_at or 0.0) >= now - claim.first_asked_s
    )


def _while_running(standing: Standing, claim: Claim, now: float) -> Refused | None:
    left = (standing.lease_until or 0.0) - now
    if left > 0:
        if standing.message_id == claim.message_id:
            return Refused(claim.job_id, Refusal.HELD, left)
        return Refused(claim.job_id, Refusal.BUSY)
    standing.crashes += 1
    if standing.counted_crashes >= claim.max_crashes:
        standing.state = JobState.FAILED
        return Refused(claim.job_id, Refusal.CRASHED)
    return None


def _grant(standing: Standing, claim: Claim, now: float) -> Claimed:
    standing.state = JobState.RUNNING
    standing.attempt += 1
    standing.message_id = claim.message_id
    standing.not_before = None
    standing.lease_until = now + claim.lease_s
    standing.worker = claim.worker_id
    standing.started_at = now
    if standing.max_attempts is None:
        standing.max_attempts = standing.forgiven_failures + claim.max_attempts
    return _granted(standing, claim)


def _granted(standing: Standing, claim: Claim) -> Claimed:
    assert standing.max_attempts is not None
    standing.told = True
    return Claimed(
        claim.job_id,
        standing.attempt,
        standing.failures,
        standing.max_attempts,
        standing.timeout_s,
        standing.counted_crashes,
    )


def sent_at(claim: Claim, standing: Standing, now: float) -> float:
    """When the claiming message was published, as far as clocks that differ can tell: never after ``now``."""
    at = now - claim.age_s
    return at if standing.created_at <= at <= now else min(now, max(standing.created_at, at))


def refused_event(claim: Claim, standing: Standing, answer: Refused, now: float) -> EventRow:
    """The event of a claim that was refused."""
    return event_row(
        claim.job_id,
        EventKind.REFUSED,
        now,
        standing.attempt,
        worker=claim.worker_id,
        message_id=claim.message_id,
        text=REFUSALS[answer.refusal].format(wait_s=answer.wait_s),
    )
