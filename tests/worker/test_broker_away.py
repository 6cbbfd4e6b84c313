"""The broker goes away under a worker, comes back, or comes back without its memory.

Google's emulator keeps nothing on disk, and all tests share one: only the embedded one is killed.
"""

import time

import pytest
from breaking import kill_the_broker
from project import wait_for

from pubsubctl import JobState
from pubsubctl.emulator import daemon


def test_a_broker_that_is_away_for_a_while_loses_no_job_and_runs_none_twice(project):
    worker = project.worker("-p", "2", "--prefetch", "4")
    with project.client() as client:
        outlasting = client.submit("GET", f"/until{project.folder}/late")
        ending = client.submit("GET", f"/until{project.folder}/early")
        wait_for(lambda: len(project.runs) == 2, what="both run")
        prefetched = [client.submit("GET", f"/noop?n={n}") for n in range(4)]
        kill_the_broker(project)
        gone_at = time.monotonic()
        wait_for(lambda: " ERROR " in project.log(), what="the worker tells")
        (project.folder / "early").touch()
        assert ending.wait(20).state is JobState.SUCCEEDED
        wait_for(lambda: time.monotonic() - gone_at > 12, what="every lease at the broker has run out")
        daemon.start(project.state)
        back_at = time.monotonic()
        assert client.submit("GET", "/noop").wait(40).state is JobState.SUCCEEDED
        assert time.monotonic() - back_at < 15
        wait_for(lambda: "the broker is back" in project.log(), what="the worker tells")
        (project.folder / "late").touch()
        for job in (outlasting, *prefetched):
            record = job.wait(30)
            assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
    assert worker.poll() is None
    assert len(project.runs) == 7
    told = [
        line.split(maxsplit=1)[1] for line in project.log().splitlines() if " ERROR " in line or " WARNING " in line
    ]
    assert len(told) == 2, told
    assert "Traceback" not in project.log()


def test_a_broker_that_comes_back_without_its_memory_is_waited_for(project):
    worker = project.worker("-p", "1")
    with project.client() as client:
        running = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: len(project.runs) == 1, what="the job runs")
        address = kill_the_broker(project)
        daemon.start(project.state, host_port=address, data_dir=project.folder / "empty")
        wait_for(lambda: "refuses the subscription" in project.log(), what="the worker tells", timeout_s=30)
        (project.folder / "end").touch()
        assert running.wait(20).state is JobState.SUCCEEDED
        assert worker.poll() is None
        project.setup()
        assert client.submit("GET", "/noop").wait(30).state is JobState.SUCCEEDED
        wait_for(lambda: "takes the subscription again" in project.log(), what="the worker tells")
    assert project.log().count("refuses the subscription") == 1
    assert "pubsubctl setup" in project.log()
    assert project.stop(worker) == 0


@pytest.mark.on_every_broker
def test_a_subscription_that_is_deleted_and_made_again_is_pulled_from_again(project):
    worker = project.worker("-p", "1")
    with project.client() as client:
        assert client.submit("GET", "/noop").wait(20).state is JobState.SUCCEEDED
        client.connection.subscriber.delete_subscription(subscription=project.settings.subscription_path)
        wait_for(lambda: "refuses the subscription" in project.log(), what="the worker tells")
        project.setup()
        assert client.submit("GET", "/noop").wait(30).state is JobState.SUCCEEDED
    assert worker.poll() is None
