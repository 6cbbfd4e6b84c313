"""Health, metrics and the JSON log of a real worker."""

import json
import signal
import socket

import pytest
from breaking import publish
from probing import address_of, ask, metrics
from project import wait_for

from pubsubctl.broker.publish import Outgoing
from pubsubctl.job import JobState

FLAGS = ("--host-port", "127.0.0.1:0", "--log-format", "json")


@pytest.mark.on_every_broker
def test_the_numbers_are_those_of_what_the_worker_did(project):
    project.worker(*FLAGS)
    with project.client() as client:
        for job in list(client.submit_many({"path": "/noop"} for _ in range(20))):
            job.wait(20)
        client.submit("GET", "/fails-until/2").wait(20)
        client.submit("GET", "/status/404").wait(20)
        message = Outgoing(b"", {"job-id": "twice", "path": "/noop"})
        publish(project, message)
        wait_for(lambda: client.store.get(["twice"])[0] is not None, what="the plain message is a job")
        client.job("twice").wait(20)
        publish(project, message)
        wait_for(lambda: metrics(project)["pubsubctl_worker_refusals_total:done"] == 1, what="the duplicate is refused")
    found = metrics(project)
    prefix = "pubsubctl_worker_"
    assert found[prefix + "attempts_total:succeeded"] == 22
    assert found[prefix + "attempts_total:retrying"] == 1
    assert found[prefix + "attempts_total:failed"] == 1
    assert found[prefix + "deliveries_total"] == 25
    assert found[prefix + "attempt_duration_seconds_count"] == 24
    assert found[prefix + "queue_seconds_count"] == 25
    assert found[prefix + "slots"] == project.settings.slots
    assert found[prefix + "slots_busy"] == 0


def test_an_attempt_that_was_cancelled_is_counted_too(project):
    project.worker(*FLAGS)
    with project.client() as client:
        job = client.submit("GET", "/sleep/60")
        wait_for(lambda: job.refresh().state is JobState.RUNNING, what="it runs")
        job.cancel()
    wait_for(lambda: metrics(project)["pubsubctl_worker_attempts_total:lost"] == 1, what="it is counted")
    assert metrics(project)["pubsubctl_worker_attempt_duration_seconds_count"] == 1


@pytest.mark.on_every_broker
def test_probes_and_jobs_are_answered_and_the_drain_is_seen(project):
    worker = project.worker(*FLAGS, "--processes", "1")
    address = address_of(project)
    go = project.folder / "go"
    with project.client() as client:
        job = client.submit("GET", f"/until{go}")
        wait_for(lambda: job.state is JobState.RUNNING, what="it runs")
        assert (ask(address, "/healthz").status, ask(address, "/readyz").status) == (200, 200)
        answer = ask(address, f"/jobs/{job.id}")
        assert (answer.status, answer.json()["state"]) == (200, "running")
        assert ask(address, "/jobs/unknown").status == 404
        assert metrics(project)["pubsubctl_worker_slots_busy"] == 1
        worker.send_signal(signal.SIGTERM)
        wait_for(lambda: ask(address, "/readyz").status == 503, what="it is not ready while it drains")
        assert ask(address, "/healthz").status == 200
        go.touch()
        assert worker.wait(20) == 0
        assert job.refresh().state is JobState.SUCCEEDED


def test_every_line_of_a_json_log_is_one_with_the_job_where_there_is_one(project):
    worker = project.worker(*FLAGS, "--max-attempts", "1")
    with project.client() as client:
        printed = client.submit("GET", "/prints")
        printed.wait(20)
        failed = client.submit("GET", "/status/500")
        failed.wait(20)
    assert project.stop(worker) == 0
    lines = [json.loads(line) for line in project.log().splitlines()]
    assert {line["severity"] for line in lines} <= {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
    assert all(line["logging.googleapis.com/labels"]["worker"] for line in lines)
    said = {line["message"]: line for line in lines}
    assert said["printed by the application"]["job_id"] == printed.id
    (given_up,) = [line for line in lines if "is given up" in line["message"]]
    assert (given_up["job_id"], given_up["attempt"]) == (failed.id, 1)


def test_an_address_in_use_is_said_in_one_line(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        worker = project.worker("--host-port", f"127.0.0.1:{port}", ready=False)
        assert worker.wait(20) == 1
    assert len(project.log().splitlines()) == 1
    assert str(port) in project.log()
