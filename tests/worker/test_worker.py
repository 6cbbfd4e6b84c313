"""The worker as a whole, a real process between a real broker and a real store."""

import re
import signal
import sqlite3
import time

import pytest
from breaking import dead_letters, kill_the_broker, publish, pulled
from project import ended, in_state, until_running, wait_for

from pubsubctl import JobState
from pubsubctl.broker.provision import Wanted
from pubsubctl.broker.publish import Outgoing
from pubsubctl.emulator import daemon
from pubsubctl.errors import NoResult


def test_a_job_is_run_recorded_and_acknowledged(project):
    worker = project.worker()
    with project.client() as client:
        job = client.submit("POST", "/echo", json={"test_value": 0})
        assert job.result(20).json() == {"test_value": 0}
        record = job.refresh()
    assert (record.state, record.attempt, record.failures, record.http_status) == (JobState.SUCCEEDED, 1, 0, 200)
    assert record.worker is not None
    assert str(worker.pid) in record.worker
    assert project.stop(worker) == 0
    assert project.runs == [(job.id, 1)]


@pytest.mark.on_every_broker
def test_what_the_app_answers_for_good_is_a_failure_without_a_retry(project):
    project.worker()
    with project.client() as client:
        job = client.submit("GET", "/status/404")
        record = ended(job)
        assert (record.state, record.reason, record.http_status) == (JobState.FAILED, "status", 404)
        assert record.error == "the app answered 404 NOT FOUND"
        assert job.result().body == b"answered"
    assert project.runs == [(job.id, 1)]


def test_what_is_temporary_is_tried_again_until_it_succeeds(project):
    project.worker()
    with project.client() as client:
        job = client.submit("GET", "/fails-until/3")
        record = ended(job)
    assert (record.state, record.attempt, record.failures) == (JobState.SUCCEEDED, 3, 2)
    assert project.runs == [(job.id, 1), (job.id, 2), (job.id, 3)]


@pytest.mark.on_every_broker
def test_a_retry_is_not_before_what_the_app_asks_for(project):
    project.worker()
    with project.client() as client:
        job = client.submit("GET", "/status/503?Retry-After=100")
        wait_for(in_state(client, job.id, JobState.RETRYING), what="the first attempt has failed")
        record = job.refresh()
        assert record.not_before is not None
        assert record.not_before - client.store.now() > 95
        assert (record.reason, record.http_status, record.failures) == ("status", 503, 1)


def test_a_job_that_has_used_its_attempts_is_given_up_with_its_last_answer_and_mirrored(project):
    project.worker("--max-attempts", "2")
    with project.client() as client:
        job = client.submit("GET", "/status/503")
        record = ended(job)
        assert (record.state, record.reason, record.failures) == (JobState.FAILED, "exhausted", 2)
        assert "2 attempts failed; the last one: the app answered 503" in (record.error or "")
        assert job.result().status == 503
    (letter,) = pulled(project, project.settings.dead_letter_subscription_path, timeout_s=20)
    assert letter.attributes["job-id"] == job.id
    assert letter.attributes["dead-letter-reason"] == "exhausted"
    assert letter.attributes["path"] == "/status/503"


@pytest.mark.on_every_broker
def test_a_job_whose_process_dies_is_tried_again_and_counts_no_failure(project):
    project.worker()
    with project.client() as client:
        job = client.submit("GET", "/dies/SIGSEGV")
        record = ended(job)
    assert (record.state, record.attempt, record.failures, record.crashes) == (JobState.SUCCEEDED, 2, 0, 1)


@pytest.mark.on_every_broker
def test_an_attempt_that_takes_too_long_is_stopped(project):
    project.worker("--job-timeout", "1", "--max-attempts", "1")
    with project.client() as client:
        job = client.submit("GET", "/stubborn")
        record = ended(job)
        assert (record.state, record.reason) == (JobState.FAILED, "exhausted")
        assert record.error == "the only attempt failed; the last one: ran longer than 1 s"
        with pytest.raises(NoResult):
            job.result()
        assert client.submit("GET", "/noop").result(20).status == 200


@pytest.mark.on_every_broker
def test_a_job_may_have_a_timeout_of_its_own(project):
    project.worker("--max-attempts", "1")
    with project.client() as client:
        job = client.submit("GET", "/sleep/100", job_timeout=1)
        assert "ran longer than 1 s" in (ended(job).error or "")


@pytest.mark.on_every_broker
def test_sigterm_lets_what_runs_end_and_gives_the_rest_to_others(project):
    first = project.worker("-p", "1")
    with project.client() as client:
        running = client.submit("GET", f"/until{project.folder}/end")
        until_running(running)
        waiting = client.submit("GET", "/attempt")
        first.send_signal(signal.SIGTERM)
        wait_for(lambda: "draining" in project.log(), what="the worker drains")
        project.worker("-p", "1")
        assert waiting.result(20).status == 200
        assert running.state is JobState.RUNNING
        (project.folder / "end").touch()
        assert first.wait(20) == 0
        assert ended(running).state is JobState.SUCCEEDED
    assert sorted(project.runs) == sorted([(running.id, 1), (waiting.id, 1)])


@pytest.mark.on_every_broker
def test_what_does_not_end_in_time_is_given_back_and_counted_nowhere(project):
    first = project.worker("-p", "1", "--drain-timeout", "1")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        until_running(job)
        assert project.stop(first) == 0
        assert job.refresh().state is JobState.QUEUED
        (project.folder / "end").touch()
        project.worker("-p", "1")
        record = ended(job)
    assert (record.attempt, record.failures, record.crashes) == (2, 0, 0)


@pytest.mark.on_every_broker
def test_a_second_signal_skips_the_waiting(project):
    worker = project.worker("-p", "1", "--drain-timeout", "600")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/never")
        until_running(job)
        worker.send_signal(signal.SIGINT)
        wait_for(lambda: "draining" in project.log(), what="the worker drains")
        heard = time.monotonic()
        wait_for(lambda: time.monotonic() - heard > 0.6, what="the next one is no echo of the first")
        worker.send_signal(signal.SIGINT)
        assert worker.wait(20) == 0
        assert job.refresh().state is JobState.QUEUED


def test_a_running_job_that_is_cancelled_is_stopped(project):
    project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/never")
        until_running(job)
        assert job.cancel()
        assert client.submit("GET", "/noop").result(20).status == 200
        assert job.refresh().state is JobState.CANCELLED
        assert not job.cancel()


@pytest.mark.on_every_broker
def test_a_job_cancelled_while_it_waits_never_runs(project):
    with project.client() as client:
        job = client.submit("GET", "/noop")
        job.cancel()
        project.worker("-p", "1")
        client.submit("GET", "/noop").result(20)
    assert job.id not in [run[0] for run in project.runs]


@pytest.mark.on_every_broker
def test_progress_is_seen_while_the_job_runs(project):
    project.worker()
    with project.client() as client:
        job = client.submit("GET", f"/progress?file={project.folder}/end")
        wait_for(lambda: job.refresh().progress_note == "step 5/5", what="the progress is in the store")
        assert job.refresh().progress_fraction == 1.0
        (project.folder / "end").touch()
        assert ended(job).state is JobState.SUCCEEDED


@pytest.mark.on_every_broker
def test_a_delayed_job_runs_when_it_is_due(project):
    project.worker()
    with project.client() as client:
        job = client.submit("GET", "/noop", delay=1.5)
        record = ended(job)
    assert record.started_at is not None
    assert record.started_at - record.created_at >= 1.5


@pytest.mark.on_every_broker
def test_a_row_that_was_never_published_is_published_by_the_sweeper(project):
    with project.client() as client:
        job = client.submit("GET", "/noop", delay=3600)  # so that nothing is published now
        with sqlite3.connect(project.state.jobs_db) as database:
            database.execute("UPDATE jobs SET not_before = NULL, due_at = 0")
        database.close()
        project.worker()
        assert ended(job).state is JobState.SUCCEEDED


@pytest.mark.on_every_broker
def test_a_plain_message_goes_to_the_route(project):
    project.worker("--route", "POST /echo")
    (message_id,) = publish(project, Outgoing(b'{"plain": true}'))
    with project.client() as client:
        job_id = f"msg-{message_id}"
        wait_for(in_state(client, job_id, JobState.SUCCEEDED), what="the plain message's job has ended")
        assert client.result(job_id).json() == {"plain": True}


@pytest.mark.on_every_broker
def test_garbage_goes_to_the_dead_letters_and_the_worker_lives_on(project):
    worker = project.worker()
    garbage = [
        Outgoing(b"\xff\xfe", {"any": "thing"}),
        Outgoing(b"", {"path": "no slash"}),
        Outgoing(b"", {"path": "/", "method": "BREW"}),
        Outgoing(b"{}", {"path": "/", "job-id": "not an id"}),
    ]
    message_ids = publish(project, *garbage)
    with project.client() as client:
        for message_id in message_ids:
            wait_for(in_state(client, f"msg-{message_id}", JobState.FAILED), what="the garbage is kept as failed")
            assert client.get(f"msg-{message_id}").reason == "malformed"
        letters: list[Outgoing] = []
        wait_for(
            lambda: letters.extend(dead_letters(project)) or len(letters) == 4,
            what="four dead letters are mirrored",
        )
        assert {letter.data for letter in letters} == {b"\xff\xfe", b"", b"{}"}
        assert client.submit("GET", "/noop").result(20).status == 200
    assert worker.poll() is None
    assert project.runs[0][0] not in {f"msg-{message_id}" for message_id in message_ids}


@pytest.mark.on_every_broker
def test_a_message_of_another_store_is_refused_loudly_and_not_run(project):
    project.worker()
    publish(project, Outgoing(b"", {"path": "/noop", "job-id": "theirs", "store-id": "elsewhere"}))
    wait_for(lambda: "another store" in project.log(), what="the worker says so")
    with project.client() as client:
        assert client.submit("GET", "/noop").result(20).status == 200
        assert client.store.get(["theirs"]) == [None]


def test_an_application_that_does_not_import_stops_the_worker_with_its_line(project):
    (project.folder / "broken.py").write_text("value = {}\nvalue['missing']\n")
    worker = project.worker(app="broken:app", ready=False)
    assert worker.wait(20) == 1
    lines = [line for line in project.log().splitlines() if line.strip()]
    assert len(lines) == 1, project.log()
    assert re.search(r"KeyError: 'missing' \(.*broken\.py, line 2", lines[0])


@pytest.mark.on_every_broker
def test_without_a_subscription_the_worker_says_what_to_do(project):
    worker = project.worker("--subscription", "nowhere", ready=False)
    assert worker.wait(20) == 1
    assert "pubsubctl setup" in project.log()


def test_without_a_broker_the_worker_says_so(project, tmp_path):
    project.environment["PUBSUB_EMULATOR_HOST"] = "127.0.0.1:1"
    worker = project.worker(ready=False)
    assert worker.wait(20) == 5
    assert "127.0.0.1:1" in project.log()


def test_what_an_application_prints_is_no_data_of_ours(project):
    project.worker()
    with project.client() as client:
        assert client.submit("GET", "/prints").result(20).body == b"printed"
    wait_for(lambda: "printed by the application" in project.log(), what="it is in the log")


def test_the_worker_is_known_while_it_lives_and_forgotten_when_it_has_ended(project):
    worker = project.worker("-p", "2", "-t", "3")
    with project.client() as client:
        (info,) = client.store.workers()
        assert (info.pid, info.slots, info.app) == (worker.pid, 6, "testapp:app")
        project.stop(worker)
        assert client.store.workers() == []


@pytest.mark.on_every_broker
def test_jobs_of_an_ordering_key_run_in_order_through_a_retry(project):
    project.setup(Wanted(enable_message_ordering=True), subscription="ordered")
    project.worker("-p", "2", "--subscription", "ordered")
    with project.client() as client:
        first = client.submit("GET", "/fails-until/2", ordering_key="k")
        others = [client.submit("GET", f"/noop?n={n}", ordering_key="k") for n in range(3)]
        for job in (first, *others):
            assert ended(job).state is JobState.SUCCEEDED
    assert project.runs == [(first.id, 1), (first.id, 2), *((job.id, 1) for job in others)]


def test_a_broker_that_is_away_does_not_keep_a_worker_from_ending(project):
    worker = project.worker("--drain-timeout", "2")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        until_running(job)
        kill_the_broker(project)
        (project.folder / "end").touch()
        assert ended(job).state is JobState.SUCCEEDED
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(25) == 0
    assert "Traceback" not in project.log()


def test_a_broker_that_goes_away_is_told_once(project):
    project.worker()
    kill_the_broker(project)
    wait_for(lambda: "ERROR" in project.log(), what="the worker tells")
    daemon.start(project.state)
    wait_for(lambda: "the broker is back" in project.log(), what="the worker tells", timeout_s=30)
    told = [line for line in project.log().splitlines() if "ERROR" in line or "WARNING" in line]
    assert len(told) == 2, told


def test_a_signal_that_was_ignored_stays_ignored(project):
    worker = project.worker(prefix=("nohup",))
    worker.send_signal(signal.SIGHUP)
    with project.client() as client:
        assert client.submit("GET", "/noop").result(20).status == 200
    assert worker.poll() is None


def test_a_store_that_is_locked_for_a_while_loses_nothing(project):
    project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        until_running(job)
        lock = sqlite3.connect(project.state.jobs_db, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        (project.folder / "end").touch()
        wait_for(lambda: len(project.runs) == 1, what="the job has run")
        lock.execute("ROLLBACK")
        lock.close()
        assert ended(job).state is JobState.SUCCEEDED
    assert project.runs == [(job.id, 1)]
