"""What the end of an attempt means for its job. Pure."""

import random
from dataclasses import dataclass

from pubsubctl.exchange import USUAL_RETRY_ON, Meaning, Response, RetryOn, meaning, retry_after
from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Claimed, Outcome
from pubsubctl.wire import MAX_MESSAGE_BYTES

MAX_CRASHES = 10
"""Attempts of a job that may end without a record before it is given up."""

_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 600.0
_SPREAD = 1.5
_MAKE_ROOM = {
    False: "set a place for large ones, the same for workers and readers: --payloads DIR|gs://bucket/prefix",
    True: "raise --payload-limit of the workers, or answer with a reference to it, such as a URL",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """The application answered."""

    response: Response
    log: str = ""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The application answered with more than may be kept.

    Attributes:
        limit: the bytes that may be.
        apart: whether that is the most that the payload place takes; else there is none.
    """

    log: str = ""
    limit: int = MAX_MESSAGE_BYTES
    apart: bool = False


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt ran longer than it may, and was killed."""

    limit_s: float
    log: str = ""


@dataclass(frozen=True, slots=True)
class Died:
    """The process that ran it died; ``how`` tells from what, for people."""

    how: str
    log: str = ""


@dataclass(frozen=True, slots=True)
class Unkept:
    """A body that is kept apart could not be had, or not be kept.

    Attributes:
        error: one line for people.
        damaged: the request's body is there, and is not what was submitted.
        ran: the application has run: it is what it answered that cannot be kept.
    """

    error: str
    damaged: bool = False
    ran: bool = False
    log: str = ""


Ending = Answered | TooLarge | TimedOut | Died | Unkept


def max_crashes(retry_on: RetryOn) -> int:
    """Attempts of a job that may end without a record before it is given up, as claims and sweeps are told."""
    return MAX_CRASHES if retry_on.crash else 1


def outcome_of(
    claimed: Claimed, ending: Ending, *, now: float, jitter: random.Random, retry_on: RetryOn = USUAL_RETRY_ON
) -> Outcome:
    """How the store should record the end of an attempt.

    Args:
        claimed: the attempt.
        ending: what happened.
        now: seconds since the epoch, for a Retry-After that is a date.
        jitter: spreads retries, so that what failed together does not come back together.
        retry_on: what is worth another attempt.
    """
    match ending:
        case Answered():
            return _of_response(claimed, ending, now, jitter, retry_on)
        case TooLarge(limit=limit, apart=apart):
            error = f"the response is too large to be kept (over {limit:,} bytes); {_MAKE_ROOM[apart]}"
            return _given_up(claimed, ending, Reason.RESULT_TOO_LARGE, error)
        case TimedOut(limit_s):
            error = f"ran longer than {limit_s:g} s"
            if not retry_on.timeout:
                return _given_up(claimed, ending, Reason.TIMEOUT, error)
            return _again(claimed, ending, Reason.TIMEOUT, error, retry_delay(claimed, jitter))
        case Died():
            return _of_death(claimed, ending, jitter, retry_on)
        case Unkept():
            return _of_unkept(claimed, ending, jitter, retry_on)


def retry_delay(claimed: Claimed, jitter: random.Random) -> float:
    """Seconds until the next attempt, from 1 s to 10 min: doubled with every one that went wrong, and up to half more.

    The doubling ends where half more makes 10 min, so that the longest delays are spread as well.
    """
    doubled = _FIRST_RETRY_S * 2.0 ** min(claimed.failures + claimed.crashes, 20)
    return min(_LAST_RETRY_S / _SPREAD, doubled) * jitter.uniform(1.0, _SPREAD)


def _of_response(claimed: Claimed, ending: Answered, now: float, jitter: random.Random, retry_on: RetryOn) -> Outcome:
    response, log = ending.response, ending.log
    found = meaning(response.status, retry_on.statuses)
    if found is Meaning.SUCCEEDED:
        return Outcome(claimed.job_id, claimed.attempt, JobState.SUCCEEDED, response=response, log=log)
    error = f"the app answered {response.status} {response.phrase}".rstrip()
    if found is Meaning.FAILED:
        return Outcome(claimed.job_id, claimed.attempt, JobState.FAILED, Reason.STATUS, error, response, log=log)
    asked = retry_after(response, now=now) or 0.0
    return _again(claimed, ending, Reason.STATUS, error, max(asked, retry_delay(claimed, jitter)))


def _of_death(claimed: Claimed, ending: Died, jitter: random.Random, retry_on: RetryOn) -> Outcome:
    if not retry_on.crash:
        return _given_up(claimed, ending, Reason.CRASHED, f"{ending.how}, and crashes are not retried")
    if claimed.crashes + 1 >= MAX_CRASHES:
        return _given_up(claimed, ending, Reason.CRASHED, f"{ending.how}, {MAX_CRASHES} times")
    return _unrecorded(claimed, Reason.CRASHED, ending.how, retry_delay(claimed, jitter), ending.log)


def _of_unkept(claimed: Claimed, ending: Unkept, jitter: random.Random, retry_on: RetryOn) -> Outcome:
    """No failure of the application's: it counts towards the larger limit, so that a place may be away for a while."""
    if ending.damaged:
        return _given_up(claimed, ending, Reason.PAYLOAD_DAMAGED, ending.error)
    if ending.ran and not retry_on.crash:
        error = f"{ending.error}; the app has run, and does not run a second time"
        return _given_up(claimed, ending, Reason.PAYLOAD_UNREACHABLE, error)
    if claimed.crashes + 1 >= MAX_CRASHES:
        return _given_up(claimed, ending, Reason.PAYLOAD_UNREACHABLE, f"{ending.error}, {MAX_CRASHES} times")
    return _unrecorded(claimed, Reason.PAYLOAD_UNREACHABLE, ending.error, retry_delay(claimed, jitter), ending.log)


def _unrecorded(claimed: Claimed, reason: Reason, error: str, retry_in_s: float, log: str) -> Outcome:
    """An attempt of which nothing of the application's can be kept: it is made again, and counts as a crash."""
    return Outcome(
        claimed.job_id,
        claimed.attempt,
        JobState.RETRYING,
        reason,
        error,
        retry_in_s=retry_in_s,
        crashed=True,
        log=log,
    )


def _again(claimed: Claimed, ending: Ending, reason: Reason, error: str, delay_s: float) -> Outcome:
    if claimed.failures + 1 >= claimed.max_attempts:
        times = f"{claimed.max_attempts} attempts failed" if claimed.max_attempts > 1 else "the only attempt failed"
        return _given_up(claimed, ending, Reason.EXHAUSTED, f"{times}; the last one: {error}")
    return Outcome(
        claimed.job_id,
        claimed.attempt,
        JobState.RETRYING,
        reason,
        error,
        _response(ending),
        retry_in_s=delay_s,
        log=ending.log,
    )


def _given_up(claimed: Claimed, ending: Ending, reason: Reason, error: str) -> Outcome:
    return Outcome(
        claimed.job_id,
        claimed.attempt,
        JobState.FAILED,
        reason,
        error,
        _response(ending),
        crashed=isinstance(ending, Died | Unkept),
        dead_letter=True,
        log=ending.log,
    )


def _response(ending: Ending) -> Response | None:
    return ending.response if isinstance(ending, Answered) else None
