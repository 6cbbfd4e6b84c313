"""What is tried again, when, how often, and what becomes of it in the end: a real worker, broker and store."""

import signal
from dataclasses import replace

import pytest
from breaking import dead_letters, left_over
from project import Project, ended, wait_for

from pubsubctl import Client, JobState, names
from pubsubctl.broker.connection import Connection
from pubsubctl.job import Job
from pubsubctl.store.timeline import EventKind
from pubsubctl.submitted import SubmittedJob

EXACTLY = ("-p", "1", "--prefetch", "0")


def until_retrying(job: SubmittedJob) -> Job:
    wait_for(lambda: job.state is JobState.RETRYING, what="an attempt has failed")
    return job.refresh()


# --- what is worth another attempt ----------------------------------------------------------------------------------


@pytest.mark.on_every_broker
def test_only_what_is_named_is_tried_again(project):
    project.worker("--retry-on", "418")
    with project.client() as client:
        jobs = {
            "teapot": client.submit("GET", "/status/418", max_attempts=2),
            "away": client.submit("GET", "/status/503"),
            "dies": client.submit("GET", "/dies/SIGKILL"),
            "hangs": client.submit("GET", "/hangs-at-first", job_timeout=1),
        }
        records = {name: ended(job) for name, job in jobs.items()}
    assert {name: (job.state, job.reason, job.attempt) for name, job in records.items()} == {
        "teapot": (JobState.FAILED, "exhausted", 2),
        "away": (JobState.FAILED, "status", 1),
        "dies": (JobState.FAILED, "crashed", 1),
        "hangs": (JobState.FAILED, "timeout", 1),
    }
    assert records["dies"].error == "the process that ran it was killed by SIGKILL, and crashes are not retried"
    assert len(project.runs) == 5
    letters: list[str] = []
    wait_for(
        lambda: (
            letters.extend(letter.attributes["dead-letter-reason"] for letter in dead_letters(project))
            or len(letters) == 3
        ),
        what="all that was given up is mirrored, and the answer is not",
    )
    assert sorted(letters) == ["crashed", "exhausted", "timeout"]


def test_where_crashes_are_not_retried_a_job_whose_worker_died_is_never_begun_again(project):
    once = ("--retry-on", "503,timeout")
    first = project.worker(*EXACTLY, *once)
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: len(project.runs) == 1, what="the job has begun")
        first.kill()
        first.wait()
        (project.folder / "end").touch()
        project.worker(*once)
        record = ended(job)
    assert (record.state, record.reason, record.attempt, record.crashes) == (JobState.FAILED, "crashed", 1, 1)
    assert project.runs == [(job.id, 1)]


@pytest.mark.on_every_broker
def test_nor_is_one_that_a_drain_had_to_stop(project):
    once = ("--retry-on", "503,timeout")
    first = project.worker(*EXACTLY, *once, "--drain-timeout", "1")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: len(project.runs) == 1, what="the job has begun")
        assert project.stop(first) == 0
        record = job.refresh()
        assert (record.state, record.reason) == (JobState.FAILED, "crashed")
        assert record.error == "it did not end before its worker had to, and crashes are not retried"
        project.worker(*once)
        client.submit("GET", "/noop").result(20)
    assert [run for run in project.runs if run[0] == job.id] == [(job.id, 1)]


# --- when -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_next_attempt_is_when_the_app_has_asked_for_it(project, form):
    project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", f"/later/{form}/4")
        waiting = until_retrying(job)
        record = ended(job)
    assert waiting.started_at is not None
    assert record.started_at is not None
    assert record.started_at - waiting.started_at >= 3  # a date tells whole seconds
    assert (record.state, record.attempt, record.failures) == (JobState.SUCCEEDED, 2, 1)


def test_no_app_can_put_a_retry_off_for_longer_than_a_day(project):
    project.worker("-p", "1")
    with project.client() as client:
        record = until_retrying(client.submit("GET", f"/later/seconds/{10**9}"))
        assert record.not_before is not None
        assert 86_300 < record.not_before - client.store.now() <= 86_400


def by_hand(project: Project, name: str) -> None:
    """A subscription without any policy."""
    with Connection(project.settings) as connection:
        path = names.subscription_path(project.settings.project, name)
        connection.subscriber.create_subscription(name=path, topic=project.settings.topic_path)


@pytest.mark.on_every_broker
def test_a_subscription_made_by_hand_sees_one_message_an_attempt_and_nothing_spins(project):
    by_hand(project, "plain")
    by_hand(project, "watched")  # gets a copy of every message that is published
    project.worker("-p", "1", "--subscription", "plain")
    with project.client() as client:
        jobs = [client.submit("GET", "/fails-until/3") for _ in range(3)]
        delayed = client.submit("GET", "/noop", delay=2)
        assert [ended(job).state for job in (*jobs, delayed)] == [JobState.SUCCEEDED] * 4
        for job in jobs:
            refused = [event for event in client.store.history(job.id) if event.kind is EventKind.REFUSED]
            assert refused == [], "each delivery was an attempt"
    assert len(project.runs) == 3 * 3 + 1
    assert left_over(project, "watched") == 3 * 3 + 1, "one message an attempt"


@pytest.mark.on_every_broker
def test_a_worker_that_is_told_its_subscription_alone_publishes_retries_to_the_topic_of_that(project):
    project.setup(topic="orders", subscription="order-workers")
    project.worker("--subscription", "order-workers")
    with Client(replace(project.settings, topic="orders")) as client:
        job = client.submit("GET", "/fails-until/2")
        assert ended(job).state is JobState.SUCCEEDED
    assert project.runs == [(job.id, 1), (job.id, 2)]


@pytest.mark.on_every_broker
def test_a_worker_that_is_told_another_topic_than_its_subscription_has_says_so_and_ends(project):
    worker = project.worker("--topic", "orders", ready=False)
    assert worker.wait(20) == 2
    (line,) = project.log().splitlines()
    assert "/topics/pubsubctl-requests" in line
    assert "'orders' (from --topic)" in line


# --- how often ------------------------------------------------------------------------------------------------------


@pytest.mark.on_every_broker
def test_what_a_job_says_about_its_attempts_goes_before_what_the_worker_says(project):
    project.worker("-p", "1", "--max-attempts", "2")
    with project.client() as client:
        theirs, own, patient = (
            client.submit("GET", "/status/503"),
            client.submit("GET", "/status/503", max_attempts=1),
            client.submit("GET", "/fails-until/3", max_attempts=3),
        )
        assert (ended(theirs).attempt, ended(own).attempt, ended(patient).attempt) == (2, 1, 3)
        assert patient.state is JobState.SUCCEEDED
    assert len(project.runs) == 6


@pytest.mark.on_every_broker
def test_a_dead_letter_that_is_asked_for_again_goes_on_where_it_ended(project):
    project.worker("-p", "1", "--max-attempts", "2")
    with project.client() as client:
        job = client.submit("GET", "/fails-until/4")
        record = ended(job)
        assert (record.reason, record.attempt, record.failures) == ("exhausted", 2, 2)
        client.store.retry([job.id])
        wait_for(lambda: client.get(job.id).state is JobState.SUCCEEDED, what="it has succeeded at last")
        again = client.get(job.id)
        assert (again.attempt, again.failures) == (4, 3)
        begun = [event.attempt for event in client.store.history(job.id) if event.kind is EventKind.BEGAN]
        assert begun == [1, 2, 3, 4]
        assert client.result(job.id).status == 200
    assert project.runs == [(job.id, attempt) for attempt in (1, 2, 3, 4)]


@pytest.mark.on_every_broker
def test_a_job_that_crashed_too_often_may_crash_as_often_again(project):
    project.worker("-p", "1", "--retry-on", "503")
    with project.client() as client:
        job = client.submit("GET", "/dies/SIGKILL")
        assert (ended(job).reason, ended(job).attempt) == ("crashed", 1)
        client.store.retry([job.id])
        wait_for(lambda: client.get(job.id).state is JobState.SUCCEEDED, what="it has succeeded at last")
    assert project.runs == [(job.id, 1), (job.id, 2)]


# --- a delay --------------------------------------------------------------------------------------------------------


@pytest.mark.on_every_broker
def test_a_delayed_job_that_is_cancelled_meanwhile_never_runs(project):
    project.worker("-p", "1")
    with project.client() as client:
        cancelled, other = client.submit("GET", "/noop", delay=1), client.submit("GET", "/noop", delay=2)
        assert cancelled.cancel()
        assert ended(other).state is JobState.SUCCEEDED
    assert project.runs == [(other.id, 1)]


@pytest.mark.on_every_broker
def test_delays_and_retries_go_on_when_the_worker_was_away_meanwhile(project):
    first = project.worker("-p", "1")
    with project.client() as client:
        delayed, retried = client.submit("GET", "/noop", delay=2), client.submit("GET", "/later/seconds/2")
        until_retrying(retried)
        project.stop(first, signal.SIGTERM)
        project.worker("-p", "1")
        records = [ended(delayed), ended(retried)]
    assert [(record.state, record.attempt) for record in records] == [
        (JobState.SUCCEEDED, 1),
        (JobState.SUCCEEDED, 2),
    ]


def test_a_worker_that_is_killed_leaves_its_retries_to_the_next(project):
    first = project.worker("-p", "1")
    with project.client() as client:
        retried = client.submit("GET", "/later/seconds/1")
        until_retrying(retried)
        first.kill()
        first.wait()
        project.worker("-p", "1")
        assert (ended(retried).state, ended(retried).attempt) == (JobState.SUCCEEDED, 2)
