"""When it is worth asking again for a job, from what is known of such jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.errors import StoreUnreachable
from pubsubctl.gateway.expectation import Expectation
from pubsubctl.job import Job, JobState
from pubsubctl.store.answers import Page


class Past:
    """A store of which only the latest jobs are asked, as they are here."""

    def __init__(self, jobs=(), failures=0):
        self.jobs = list(jobs)
        self.failures = failures
        self.asked = 0

    def find(self, **_):
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise StoreUnreachable("away")
        return Page(self.jobs, None)


def ended(number, took_s, method="GET", path="/x", **more):
    return Job(f"j{number}", JobState.SUCCEEDED, method, path, 1000.0, finished_at=1000.0 + took_s, **more)


def waiting(**more):
    return Job("w", JobState.QUEUED, "GET", "/x", 1000.0, **more)


def test_of_jobs_that_nobody_knows_it_is_worth_asking_soon():
    assert Expectation(Past()).first_s("GET", "/x") == 1


def test_jobs_of_the_past_tell_how_long_another_takes():
    past = Past([ended(number, 20) for number in range(5)])
    expectation = Expectation(past)
    assert expectation.first_s("GET", "/x?any=query") == pytest.approx(20)
    assert expectation.first_s("POST", "/x") == 1
    assert expectation.first_s("GET", "/y") == 1
    assert past.asked == 1


def test_a_store_that_is_away_is_asked_again_and_is_no_error():
    past = Past([ended(1, 20)], failures=1)
    expectation = Expectation(past)
    assert expectation.first_s("GET", "/x") == 1
    assert expectation.first_s("GET", "/x") == pytest.approx(20)


def test_later_jobs_count_more_and_each_of_them_once():
    expectation = Expectation(Past())
    expectation.learn([ended(1, 10)])
    for _ in range(10):
        expectation.learn([ended(2, 20)])
    assert expectation.first_s("GET", "/x") == pytest.approx(12)
    expectation.learn([ended(number, 20) for number in range(3, 40)])
    assert expectation.first_s("GET", "/x") == pytest.approx(20, abs=0.1)


def test_a_delay_that_was_asked_for_is_none_of_the_time_that_a_job_took():
    expectation = Expectation(Past([ended(1, 100, not_before=1095.0)]))
    assert expectation.first_s("GET", "/x") == pytest.approx(5)


def test_of_a_job_that_has_waited_already_what_is_left_is_told():
    expectation = Expectation(Past([ended(1, 20)]))
    assert expectation.again_s(waiting(), now=1005) == pytest.approx(15)


def test_one_that_takes_longer_than_it_should_is_asked_for_ever_more_seldom():
    expectation = Expectation(Past([ended(1, 20)]))
    times = [expectation.again_s(waiting(), now=1000 + passed) for passed in (30, 60, 120, 1000)]
    assert times == sorted(times)
    assert times[-1] == 60


def test_the_progress_of_a_job_tells_more_than_others_do():
    expectation = Expectation(Past([ended(1, 50)]))
    job = Job("r", JobState.RUNNING, "GET", "/x", 900.0, started_at=1000.0, progress_fraction=0.5)
    assert expectation.again_s(job, now=1010) == pytest.approx(10)


def test_one_that_is_not_due_yet_is_not_asked_for_before():
    assert Expectation(Past()).again_s(waiting(not_before=1030.0), now=1000) == pytest.approx(30)


@given(
    st.floats(0, 1e6),
    st.floats(-1e3, 1e6),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1e6),
    st.sampled_from([JobState.QUEUED, JobState.RUNNING, JobState.RETRYING]),
)
def test_it_is_never_less_than_a_second_nor_more_than_a_minute(took_s, passed, fraction, not_before, state):
    expectation = Expectation(Past([ended(1, took_s)]))
    job = Job("r", state, "GET", "/x", 1000.0, started_at=1000.0, progress_fraction=fraction, not_before=not_before)
    assert 1 <= expectation.again_s(job, now=1000 + passed) <= 60
    assert 1 <= expectation.first_s("GET", "/x") <= 60


def test_no_more_is_remembered_than_is_of_use():
    expectation = Expectation(Past())
    for number in range(3000):
        expectation.learn([ended(number, 1, path=f"/{number}")])
    assert len(expectation._means) <= 1000
    assert len(expectation._seen) <= 1000
