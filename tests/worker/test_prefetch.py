"""Many messages are held while jobs are short, and none of them waits behind a long one while others could run it.

On the embedded emulator: Google's sends a stream whatever there is, and nobody else has what waits there to be read.
"""

import re

from project import Project, wait_for

from pubsubctl import JobState

FEW = 33
"""What one slot holds at least, as with any prefetch; the long job itself may have come by a stream before that."""


def held_at_most(project: Project, number: int) -> list[int]:
    """How many messages the log of a verbose worker says that it holds from then on, one after another."""
    return [int(count) for count in re.findall(r"messages held from now on: up to (\d+)", project.log(number))]


def test_what_was_prefetched_among_short_jobs_waits_behind_no_long_one_while_another_worker_is_idle(project):
    project.environment["PUBSUBCTL_LEASE"] = "600"  # so that nobody gets it because it lapsed
    with project.client() as client:
        paths = [f"/noop?n={n}" for n in range(1500)]
        paths.insert(1000, f"/until{project.folder}/end")
        jobs = list(client.submit_many({"path": path} for path in paths))
        long = jobs[1000]
        project.worker("-p", "1", "--verbose")
        wait_for(lambda: any(count > FEW for count in held_at_most(project, 0)), what="it holds more than at first")
        wait_for(lambda: client.get(long.id).state is JobState.RUNNING, what="the long job runs")
        project.worker("-p", "1")
        wait_for(lambda: client.store.counts()[JobState.SUCCEEDED] >= 1500 - FEW, what="others have run", timeout_s=60)
        assert client.get(long.id).state is JobState.RUNNING
        assert held_at_most(project, 0)[-1] == FEW
        (project.folder / "end").touch()
        wait_for(lambda: client.store.counts()[JobState.SUCCEEDED] == 1501, what="the long job has run")
        record = client.get(long.id)
        assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
        ran_by = {job.worker for job in client.store.get([job.id for job in jobs]) if job is not None}
    assert len(ran_by) == 2
    # Those that were claimed ahead were given back too, uncounted: their attempts have a number more.
    assert sorted(job_id for job_id, _ in project.runs) == sorted(job.id for job in jobs)
    assert {attempt for _, attempt in project.runs} <= {1, 2}


def test_no_more_is_held_than_was_asked_for_however_short_jobs_are(project):
    project.worker("-p", "1", "--prefetch", "4")
    with project.client() as client:
        short = list(client.submit_many({"path": f"/noop?n={n}"} for n in range(300)))
        wait_for(lambda: client.store.counts()[JobState.SUCCEEDED] == len(short), what="all have run", timeout_s=60)
        long = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: long.state is JobState.RUNNING, what="the long job runs")
        behind = list(client.submit_many({"path": f"/noop?n={n}"} for n in range(20)))
        others: list[str] = []
        subscriber, subscription = client.connection.subscriber, project.settings.subscription_path

        def sixteen_are_left() -> bool:
            answer = subscriber.pull(subscription=subscription, max_messages=20, timeout=20)
            others.extend(each.ack_id for each in answer.received_messages)
            return len(others) >= 16

        wait_for(sixteen_are_left, what="others are given what it may not hold")
        assert len(others) == 16
        subscriber.modify_ack_deadline(subscription=subscription, ack_ids=others, ack_deadline_seconds=0)
        (project.folder / "end").touch()
        for job in (long, *behind):
            assert job.wait(40).state is JobState.SUCCEEDED


def test_what_is_given_back_counts_for_no_limit_of_jobs(project):
    with project.client() as client:
        paths = [f"/noop?n={n}" for n in range(1500)]
        paths.insert(700, "/sleep/2.0")
        list(client.submit_many({"path": path} for path in paths))
        worker = project.worker("-p", "1", "--max-jobs", "1200")
        assert worker.wait(60) == 0
    assert len(project.runs) == 1200
