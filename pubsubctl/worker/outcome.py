"""What the end of an attempt means for its job. Pure."""

import random
from dataclasses import dataclass

from pubsubctl.exchange import Meaning, Response, meaning, retry_after
from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import Claimed, Outcome
from pubsubctl.wire import MAX_MESSAGE_BYTES

MAX_CRASHES = 10
"""Attempts of a job that may end without a record before it is given up."""

_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 600.0
_SPREAD = 1.5


@dataclass(frozen=True, slots=True)
class Answered:
    """The application answered."""

    response: Response


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The application answered with more than may be kept."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt ran longer than it may, and was killed."""

    limit_s: float


@dataclass(frozen=True, slots=True)
class Died:
    """The process that ran it died; ``how`` tells from what, for people."""

    how: str


Ending = Answered | TooLarge | TimedOut | Died


def outcome_of(claimed: Claimed, ending: Ending, *, now: float, jitter: random.Random) -> Outcome:
    """How the store should record the end of an attempt.

    Args:
        claimed: the attempt.
        ending: what happened.
        now: seconds since the epoch, for a Retry-After that is a date.
        jitter: spreads retries, so that what failed together does not come back together.
    """
    match ending:
        case Answered(response):
            return _of_response(claimed, response, now, jitter)
        case TooLarge():
            error = (
                f"the response is too large to be kept (over {MAX_MESSAGE_BYTES:,} bytes); "
                "answer with a reference to it, such as a URL"
            )
            return _given_up(claimed, Reason.RESULT_TOO_LARGE, error)
        case TimedOut(limit_s):
            return _again(claimed, Reason.TIMEOUT, f"ran longer than {limit_s:g} s", retry_delay(claimed, jitter))
        case Died(how):
            if claimed.crashes + 1 >= MAX_CRASHES:
                return _given_up(claimed, Reason.CRASHED, f"{how}, {MAX_CRASHES} times", crashed=True)
            return Outcome(
                claimed.job_id,
                claimed.attempt,
                JobState.RETRYING,
                Reason.CRASHED,
                how,
                retry_in_s=retry_delay(claimed, jitter),
                crashed=True,
            )


def retry_delay(claimed: Claimed, jitter: random.Random) -> float:
    """Seconds until the next attempt, from 1 s to 10 min: doubled with every one that went wrong, and up to half more.

    The doubling ends where half more makes 10 min, so that the longest delays are spread as well.
    """
    doubled = _FIRST_RETRY_S * 2.0 ** min(claimed.failures + claimed.crashes, 20)
    return min(_LAST_RETRY_S / _SPREAD, doubled) * jitter.uniform(1.0, _SPREAD)


def _of_response(claimed: Claimed, response: Response, now: float, jitter: random.Random) -> Outcome:
    error = f"the app answered {response.status} {response.phrase}".rstrip()
    match meaning(response.status):
        case Meaning.SUCCEEDED:
            return Outcome(claimed.job_id, claimed.attempt, JobState.SUCCEEDED, response=response)
        case Meaning.FAILED:
            return Outcome(claimed.job_id, claimed.attempt, JobState.FAILED, Reason.STATUS, error, response)
        case Meaning.RETRY:
            asked = retry_after(response, now=now) or 0.0
            return _again(claimed, Reason.STATUS, error, max(asked, retry_delay(claimed, jitter)), response)


def _again(claimed: Claimed, reason: Reason, error: str, delay_s: float, response: Response | None = None) -> Outcome:
    if claimed.failures + 1 >= claimed.max_attempts:
        times = f"{claimed.max_attempts} attempts failed" if claimed.max_attempts > 1 else "the only attempt failed"
        return _given_up(claimed, Reason.EXHAUSTED, f"{times}; the last one: {error}", response)
    return Outcome(claimed.job_id, claimed.attempt, JobState.RETRYING, reason, error, response, retry_in_s=delay_s)


def _given_up(
    claimed: Claimed, reason: Reason, error: str, response: Response | None = None, *, crashed: bool = False
) -> Outcome:
    return Outcome(
        claimed.job_id, claimed.attempt, JobState.FAILED, reason, error, response, crashed=crashed, dead_letter=True
    )
