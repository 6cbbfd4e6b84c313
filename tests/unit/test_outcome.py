"""What the end of an attempt means for its job: success, another attempt and when, or giving it up and why."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.exchange import USUAL_RETRY_ON, Response, RetryOn
from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Claimed, Outcome
from pubsubctl.worker.outcome import (
    MAX_CRASHES,
    Answered,
    Died,
    TimedOut,
    TooLarge,
    Unkept,
    max_crashes,
    outcome_of,
    retry_delay,
)

NOW = 1_700_000_000.0


def claimed(*, failures: int = 0, max_attempts: int = 5, crashes: int = 0) -> Claimed:
    return Claimed("j", failures + crashes + 1, failures, max_attempts, crashes=crashes)


def after(ending, *, retry_on: str = "", **counts) -> Outcome:
    policy = RetryOn.of(retry_on) if retry_on else USUAL_RETRY_ON
    outcome = outcome_of(claimed(**counts), ending, now=NOW, jitter=random.Random(1), retry_on=policy)
    assert (outcome.job_id, outcome.attempt) == ("j", claimed(**counts).attempt)
    return outcome


class At(random.Random):
    """No jitter at all: a random number at that share of what is asked."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.share


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 206, 299, 300, 301, 304, 399])
def test_success_and_redirection_end_the_job_with_its_response(status):
    response = Response(status, (("X", "y"),), b"body")
    assert after(Answered(response)) == Outcome("j", 1, JobState.SUCCEEDED, response=response)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418, 422, 501, 505, 599, 600, 100, 199])
def test_a_final_answer_fails_the_job_at_once_and_is_no_dead_letter(status):
    response = Response(status, phrase="Why")
    assert after(Answered(response)) == Outcome(
        "j", 1, JobState.FAILED, Reason.STATUS, f"the app answered {status} Why", response
    )


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_temporary_answer_is_worth_another_attempt(status):
    outcome = after(Answered(Response(status)))
    assert (outcome.state, outcome.reason, outcome.error) == (
        JobState.RETRYING,
        Reason.STATUS,
        f"the app answered {status}",
    )
    assert outcome.retry_in_s >= 1.0
    assert not outcome.crashed
    assert not outcome.dead_letter


def test_the_last_attempt_gives_the_job_up_with_its_last_response():
    response = Response(503, phrase="Service Unavailable")
    assert after(Answered(response), failures=4) == Outcome(
        "j",
        5,
        JobState.FAILED,
        Reason.EXHAUSTED,
        "5 attempts failed; the last one: the app answered 503 Service Unavailable",
        response,
        dead_letter=True,
    )


def test_the_only_attempt_is_told_as_such():
    error = after(Answered(Response(500)), max_attempts=1).error
    assert error == "the only attempt failed; the last one: the app answered 500"


def test_crashes_do_not_use_up_the_attempts_that_may_fail():
    assert after(Answered(Response(503)), failures=3, crashes=8).state is JobState.RETRYING


# --- endings without an answer --------------------------------------------------------------------------------------


def test_a_timeout_is_a_failure_that_is_retried_and_at_last_given_up():
    outcome = after(TimedOut(2.5))
    assert (outcome.state, outcome.reason, outcome.error) == (
        JobState.RETRYING,
        Reason.TIMEOUT,
        "ran longer than 2.5 s",
    )
    last = after(TimedOut(60), failures=1, max_attempts=2)
    assert (last.state, last.reason, last.dead_letter) == (JobState.FAILED, Reason.EXHAUSTED, True)
    assert last.error == "2 attempts failed; the last one: ran longer than 60 s"


def test_a_response_that_is_too_large_fails_the_job_for_good():
    outcome = after(TooLarge())
    assert (outcome.state, outcome.reason, outcome.dead_letter) == (JobState.FAILED, Reason.RESULT_TOO_LARGE, True)
    assert "set a place for large ones" in str(outcome.error)
    assert "--payloads DIR|gs://bucket/prefix" in str(outcome.error)


def test_a_response_that_is_too_large_for_the_payload_place_says_what_to_raise():
    error = str(after(TooLarge("", 1000, apart=True)).error)
    assert error.startswith("the response is too large to be kept (over 1,000 bytes); raise --payload-limit")


def test_a_death_is_retried_as_a_crash_even_on_the_last_attempt_that_may_fail():
    outcome = after(Died("killed by SIGSEGV"), failures=4)
    assert (outcome.state, outcome.reason, outcome.error) == (JobState.RETRYING, Reason.CRASHED, "killed by SIGSEGV")
    assert outcome.crashed


def test_as_many_deaths_as_are_allowed_give_the_job_up():
    assert after(Died("x"), crashes=MAX_CRASHES - 2).state is JobState.RETRYING
    outcome = after(Died("x"), crashes=MAX_CRASHES - 1)
    assert (outcome.state, outcome.reason, outcome.error) == (JobState.FAILED, Reason.CRASHED, "x, 10 times")
    assert outcome.crashed
    assert outcome.dead_letter


@pytest.mark.parametrize("ending", [Answered(Response(200), "l"), TooLarge("l"), TimedOut(1, "l"), Died("x", "l")])
@pytest.mark.parametrize("failures", [0, 4])
@pytest.mark.parametrize("retry_on", ["none", "200,timeout,crash"])
def test_what_the_application_logged_goes_with_every_outcome(ending, failures, retry_on):
    assert after(ending, failures=failures, retry_on=retry_on).log == "l"


# --- what is worth another attempt ----------------------------------------------------------------------------------


def test_a_temporary_answer_that_is_not_to_be_retried_is_the_answer():
    outcome = after(Answered(Response(503)), retry_on="500,timeout,crash")
    assert (outcome.state, outcome.reason, outcome.dead_letter) == (JobState.FAILED, Reason.STATUS, False)
    assert outcome.response == Response(503)


@pytest.mark.parametrize("status", [200, 302, 404])
def test_any_answer_can_be_worth_another_attempt(status):
    outcome = after(Answered(Response(status)), retry_on="200,302,404")
    assert (outcome.state, outcome.reason) == (JobState.RETRYING, Reason.STATUS)
    assert after(Answered(Response(status)), retry_on="200,302,404", failures=4).reason is Reason.EXHAUSTED


def test_a_timeout_that_is_not_to_be_retried_fails_the_job_for_that():
    outcome = after(TimedOut(2), retry_on="503,crash")
    assert (outcome.state, outcome.reason, outcome.error) == (JobState.FAILED, Reason.TIMEOUT, "ran longer than 2 s")
    assert outcome.dead_letter
    assert not outcome.crashed


def test_a_death_that_is_not_to_be_retried_fails_the_job_at_once():
    outcome = after(Died("killed"), retry_on="503,timeout")
    assert (outcome.state, outcome.reason) == (JobState.FAILED, Reason.CRASHED)
    assert outcome.error == "killed, and crashes are not retried"
    assert outcome.crashed
    assert outcome.dead_letter


def test_where_crashes_are_not_retried_one_is_too_many_for_claims_and_sweeps_too():
    assert max_crashes(RetryOn.of("503")) == 1
    assert max_crashes(RetryOn.of("crash")) == max_crashes(USUAL_RETRY_ON) == MAX_CRASHES


# --- when the next attempt is due -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "crashes", "seconds"),
    [(0, 0, 1), (1, 0, 2), (0, 1, 2), (2, 1, 8), (8, 0, 256), (9, 0, 400), (10_000, 0, 400)],
)
def test_the_delay_doubles_with_all_that_went_wrong_and_half_more_is_at_most_ten_minutes(failures, crashes, seconds):
    attempt = claimed(failures=failures, crashes=crashes)
    assert retry_delay(attempt, At(0.0)) == seconds
    assert retry_delay(attempt, At(1.0)) == seconds * 1.5 <= 600


@given(st.integers(0, 10**6), st.integers(0, 9), st.randoms(use_true_random=False))
def test_a_delay_is_from_a_second_to_ten_minutes_and_strays_by_half_at_most(failures, crashes, jitter):
    least = retry_delay(claimed(failures=failures, crashes=crashes), At(0.0))
    delay = retry_delay(claimed(failures=failures, crashes=crashes), jitter)
    assert 1.0 <= delay <= 600.0
    assert least <= delay <= 1.5 * least


@pytest.mark.parametrize("failures", [0, 3, 50])
def test_jobs_that_failed_together_do_not_come_back_together(failures):
    jitter = random.Random(7)
    assert len({retry_delay(claimed(failures=failures), jitter) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("value", "least"),
    [("120", 120), ("Tue, 14 Nov 2023 22:15:20 GMT", 120), ("0", 1), ("Mon, 13 Nov 2023 00:00:00 GMT", 1), ("soon", 1)],
)
def test_retry_after_is_the_least_and_the_schedule_too(value, least):
    outcome = after(Answered(Response(503, (("Retry-After", value),))))
    assert least <= outcome.retry_in_s < max(2, least + 1)


def test_retry_after_does_not_shorten_the_schedule():
    assert after(Answered(Response(429, (("Retry-After", "1"),))), failures=8, max_attempts=20).retry_in_s > 100


@pytest.mark.parametrize("value", ["86401", "99999999999", "Tue, 14 Nov 2033 22:15:20 GMT"])
def test_no_retry_is_put_off_for_longer_than_a_day(value):
    assert after(Answered(Response(503, (("Retry-After", value),)))).retry_in_s == 86_400


@given(st.text(st.characters(max_codepoint=0xFF), max_size=40) | st.integers(0, 10**30).map(str))
def test_whatever_retry_after_says_the_next_attempt_comes(value):
    outcome = after(Answered(Response(503, (("Retry-After", value),))))
    assert outcome.state is JobState.RETRYING
    assert 1.0 <= outcome.retry_in_s <= 86_400


# --- bodies that are kept apart -------------------------------------------------------------------------------------


def test_a_body_that_cannot_be_had_is_tried_again_and_is_no_failure_of_the_application():
    outcome = after(Unkept("the place is away"), failures=4)
    assert (outcome.state, outcome.reason, outcome.error) == (
        JobState.RETRYING,
        Reason.PAYLOAD_UNREACHABLE,
        "the place is away",
    )
    assert outcome.crashed


def test_after_ten_times_it_is_given_up():
    outcome = after(Unkept("the place is away"), crashes=MAX_CRASHES - 1)
    assert (outcome.state, outcome.reason, outcome.dead_letter) == (JobState.FAILED, Reason.PAYLOAD_UNREACHABLE, True)
    assert outcome.error == "the place is away, 10 times"


def test_a_damaged_body_is_given_up_at_once():
    outcome = after(Unkept("it is damaged", damaged=True))
    assert (outcome.state, outcome.reason, outcome.dead_letter) == (JobState.FAILED, Reason.PAYLOAD_DAMAGED, True)


@pytest.mark.parametrize(("ran", "state"), [(True, JobState.FAILED), (False, JobState.RETRYING)])
def test_where_nothing_may_run_twice_an_answer_that_cannot_be_kept_ends_the_job(ran, state):
    outcome = after(Unkept("the place is away", ran=ran), retry_on="none")
    assert (outcome.state, outcome.reason) == (state, Reason.PAYLOAD_UNREACHABLE)
