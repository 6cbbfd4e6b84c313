"""What a worker promises, on every broker that there is here."""

import signal

import pytest
from project import Project, until_running, wait_for

from pubsubctl.job import JobState

pytestmark = pytest.mark.on_every_broker


def test_a_job_runs_and_has_its_result(project: Project) -> None:
    project.worker()
    with project.client() as client:
        response = client.submit("POST", "/echo", data=b"\x00body\xff").result(20)
    assert (response.status, response.body) == (200, b"\x00body\xff")


def test_a_failed_attempt_is_followed_by_another(project: Project) -> None:
    project.worker()
    with project.client() as client:
        job = client.submit("GET", "/fails-until/2").wait(20)
    assert (job.state, job.attempt, job.failures) == (JobState.SUCCEEDED, 2, 1)


def test_what_is_given_up_is_mirrored_on_the_dead_letter_topic(project: Project) -> None:
    project.worker("--max-attempts", "1")
    with project.client() as client:
        job = client.submit("GET", "/status/500").wait(20)
        assert (job.state, job.reason) == (JobState.FAILED, "exhausted")
        pulled = client.connection.subscriber.pull(
            subscription=project.settings.dead_letter_subscription_path, max_messages=1, timeout=20
        )
    assert [one.message.attributes["dead-letter-job"] for one in pulled.received_messages] == [job.id]


def test_a_running_job_is_cancelled(project: Project) -> None:
    project.worker()
    with project.client() as client:
        job = client.submit("GET", "/sleep/60")
        wait_for(lambda: job.state is JobState.RUNNING, what="it runs")
        assert job.cancel()
        after = client.submit("GET", "/noop").wait(20)
    assert after.state is JobState.SUCCEEDED


def test_a_worker_that_is_told_to_stop_ends_what_runs_and_gives_the_rest_back(project: Project) -> None:
    first = project.worker("--processes", "1", "--prefetch", "10")
    go = project.folder / "go"
    with project.client() as client:
        running = client.submit("GET", f"/until{go}")
        wait_for(lambda: running.state is JobState.RUNNING, what="it runs")
        waiting = list(client.submit_many({"path": "/noop"} for _ in range(5)))
        first.send_signal(signal.SIGTERM)
        project.worker()
        assert all(job.wait(30).state is JobState.SUCCEEDED for job in waiting), "the other worker has them at once"
        go.touch()
        assert first.wait(30) == 0
        assert running.refresh().state is JobState.SUCCEEDED
        assert client.get(running.id).attempt == 1


def test_what_a_worker_gave_back_before_it_ended_is_run_by_the_next_one(project: Project) -> None:
    first = project.worker("--processes", "1", "--prefetch", "200")
    with project.client() as client:
        quick = list(client.submit_many({"path": f"/noop?n={number}"} for number in range(10)))
        assert {job.wait(30).state for job in quick} == {JobState.SUCCEEDED}, "some of them have run"
        running = client.submit("GET", f"/until{project.folder}/end")
        until_running(running)
        behind = list(client.submit_many({"path": f"/noop?later={number}"} for number in range(200)))
        wait_for(lambda: client.store.workers()[0].held >= 150, what="it holds many more")
        first.send_signal(signal.SIGTERM)
        wait_for(lambda: client.store.workers()[0].held == 0, what="it has given them back")
        (project.folder / "end").touch()
        assert first.wait(40) == 0
        assert {job.refresh().state for job in behind} == {JobState.QUEUED}, "all that waited was given back"
        jobs = [*quick, running, *behind]
        assert project.worker("--burst", ready=False).wait(60) == 0
        assert all(job.refresh().state is JobState.SUCCEEDED for job in jobs)
    assert sorted(project.runs) == sorted((job.id, job.refresh().attempt) for job in jobs)


@pytest.mark.timeout(240)
def test_what_a_killed_worker_held_is_run_by_another(project: Project) -> None:
    first = project.worker("--processes", "1")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder / 'go'}")
        wait_for(lambda: job.state is JobState.RUNNING, what="it runs")
        first.kill()
        first.wait()
        (project.folder / "go").touch()
        project.worker()
        # Google's emulator goes on handing messages to the stream of who is dead, for up to 41 s: the one that comes
        # once the lease has run out may be among them, and waits then until that has had its own deadline.
        ended = job.wait(60 if project.google is None else 150)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 2)


def test_a_job_longer_than_its_lease_runs_once(project: Project) -> None:
    project.worker("--processes", "1")
    with project.client() as client:
        jobs = [client.submit("GET", "/sleep/13"), client.submit("GET", "/noop")]
        for job in jobs:
            assert job.wait(60).attempt == 1
    assert len(project.runs) == 2
