"""Ordering keys: the jobs of a key run one after another, each when the one before has its final result."""

import signal
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from breaking import chaos
from project import Project, wait_for

from pubsubctl import Client, JobState
from pubsubctl.broker.provision import Wanted
from pubsubctl.store.timeline import EventKind
from pubsubctl.submitted import SubmittedJob

ORDERED = Wanted(enable_message_ordering=True)

Lines = Mapping[str, Sequence[SubmittedJob]]


@pytest.fixture
def ordered(project: Project) -> Project:
    """A project whose subscription keeps the order of keys."""
    (project.folder / "pubsubctl.toml").write_text('subscription = "ordered"\n')
    project.setup(ORDERED)
    return project


def submit(client: Client, paths: Mapping[str, Sequence[str]]) -> Lines:
    """Submit jobs by key; those of different keys alternate."""
    lines: dict[str, list[SubmittedJob]] = {key: [] for key in paths}
    for number in range(max(len(line) for line in paths.values())):
        for key, line in paths.items():
            if number < len(line):
                lines[key].append(client.submit("GET", line[number], ordering_key=key, max_attempts=2))
    return lines


def wait_for_all(lines: Lines, timeout_s: float = 60) -> list[JobState]:
    return [job.wait(timeout_s).state for line in lines.values() for job in line]


def span(client: Client, job: SubmittedJob) -> tuple[float, float]:
    """When a job's first attempt began, and when it had its final result, by the store's clock."""
    record = job.refresh()
    begun = [event.at for event in client.store.history(job.id) if event.kind is EventKind.BEGAN]
    assert record.finished_at is not None
    return (begun[0] if begun else record.finished_at), record.finished_at


def check_order(project: Project, client: Client, lines: Lines) -> None:
    """Each job of a key began, and ran, only after the one before it had its final result."""
    for key, line in lines.items():
        ids = [job.id for job in line]
        ran = [ids.index(job_id) for job_id, _ in project.runs if job_id in ids]
        assert ran == sorted(ran), f"the runs of key {key} are in the order of its jobs"
        spans = [span(client, job) for job in line]
        for (_, ended), (began, _) in pairwise(spans):
            assert began >= ended, f"a job of key {key} began before the one before it had ended"


@pytest.mark.on_every_broker
def test_jobs_of_a_key_wait_for_each_other_and_for_no_others(ordered):
    ordered.worker("-p", "2")
    with ordered.client() as client:
        lines = submit(client, {"a": [f"/until{ordered.folder}/end", "/noop", "/noop"], "b": ["/noop"] * 3})
        assert [job.wait(20).state for job in lines["b"]] == [JobState.SUCCEEDED] * 3
        assert [job.state for job in lines["a"]] == [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
        (ordered.folder / "end").touch()
        assert wait_for_all(lines) == [JobState.SUCCEEDED] * 6
        check_order(ordered, client, lines)


@pytest.mark.on_every_broker
def test_a_long_line_behind_a_job_leaves_room_for_other_keys(ordered):
    with ordered.client() as client:
        lines = submit(client, {"a": [f"/until{ordered.folder}/end", *["/noop"] * 20]})
        others = submit(client, {"b": ["/noop"], "": ["/noop"]})  # and the broker has them after all of those
        ordered.worker("-p", "2", "--prefetch", "2")
        assert set(wait_for_all(others, 30)) == {JobState.SUCCEEDED}
        assert lines["a"][0].state is JobState.RUNNING
        (ordered.folder / "end").touch()
        assert set(wait_for_all(lines)) == {JobState.SUCCEEDED}
        check_order(ordered, client, lines)


@pytest.mark.on_every_broker
def test_whatever_becomes_of_a_job_the_next_of_its_key_begins_only_then(ordered):
    ordered.worker("-p", "2")
    kinds = ["/fails-until/2", "/dies/SIGKILL", "/status/400", "/status/503", "/noop"]
    with ordered.client() as client:
        lines = submit(client, {"a": kinds, "b": kinds[::-1], "c": ["/fails-until/2", "/noop"] * 2})
        wait_for_all(lines)
        good, bad = JobState.SUCCEEDED, JobState.FAILED
        assert [job.state for job in lines["a"]] == [good, good, bad, bad, good]
        assert [job.refresh().reason for job in lines["a"]] == [None, None, "status", "exhausted", None]
        assert [job.refresh().attempt for job in lines["a"]] == [2, 2, 1, 2, 1]
        check_order(ordered, client, lines)


@pytest.mark.on_every_broker
def test_the_next_of_a_key_begins_when_a_job_is_cancelled_and_its_process_is_dead(ordered):
    ordered.worker("-p", "2")
    with ordered.client() as client:
        lines = submit(client, {"a": ["/stubborn", f"/until{ordered.folder}/end", "/noop"]})
        first, second, third = lines["a"]
        wait_for(lambda: len(ordered.runs) == 1, what="the first runs")
        assert first.cancel()
        wait_for(lambda: len(ordered.runs) == 2, what="the second runs")
        assert third.cancel()
        (ordered.folder / "end").touch()
        assert wait_for_all(lines) == [JobState.CANCELLED, JobState.SUCCEEDED, JobState.CANCELLED]
        assert span(client, second)[0] - span(client, first)[1] > 0.5, "a stubborn process lives so long"
    assert ordered.runs == [(first.id, 1), (second.id, 1)]


def test_the_order_is_kept_when_a_worker_is_killed(ordered):
    first = ordered.worker("-p", "1")
    with ordered.client() as client:
        lines = submit(client, {"a": ["/noop", f"/until{ordered.folder}/end", "/fails-until/2", "/noop"]})
        wait_for(lambda: len(ordered.runs) == 2, what="the second runs")
        first.kill()
        first.wait()
        (ordered.folder / "end").touch()
        ordered.worker("-p", "2")
        assert wait_for_all(lines) == [JobState.SUCCEEDED] * 4
        assert [job.refresh().attempt for job in lines["a"]] == [1, 2, 2, 1]
        check_order(ordered, client, lines)


@pytest.mark.on_every_broker
def test_the_order_is_kept_when_another_worker_takes_over_from_one_that_drains(ordered):
    first = ordered.worker("-p", "1", "--drain-timeout", "1")
    with ordered.client() as client:
        slow = [f"/until{ordered.folder}/end", *["/noop"] * 5]
        lines = submit(client, {"a": slow, "b": ["/sleep/0.1"] * 6, "c": ["/fails-until/2", *["/sleep/0.1"] * 4]})
        wait_for(lambda: client.store.counts()[JobState.RUNNING] > 0, what="jobs run")
        ordered.worker("-p", "2")
        assert ordered.stop(first) == 0
        (ordered.folder / "end").touch()
        assert set(wait_for_all(lines)) == {JobState.SUCCEEDED}
        check_order(ordered, client, lines)


def test_the_order_is_kept_where_messages_are_doubled_and_refused_and_acks_are_lost(ordered):
    ordered.worker("-p", "1")
    ordered.worker("-p", "1")
    kinds = ["/noop", "/sleep/0.05", "/fails-until/2", "/noop", "/noop", "/dies/SIGKILL", "/noop", "/noop"]
    with ordered.client() as client, chaos(ordered, "duplicate=0.2,drop-ack=0.1,nack=0.05,seed=5"):
        lines = submit(client, dict.fromkeys("abcd", kinds))
        assert wait_for_all(lines, 120) == [JobState.SUCCEEDED] * 32
        check_order(ordered, client, lines)
    assert len(ordered.runs) == len(set(ordered.runs)) == 4 * (len(kinds) + 2)


def test_the_order_is_kept_where_streams_break(ordered):
    ordered.worker("-p", "1")
    ordered.worker("-p", "1")
    with ordered.client() as client, chaos(ordered, "disconnect=0.3,seed=7"):
        lines = submit(client, {key: ["/noop", "/sleep/0.02", "/fails-until/2", "/noop", "/noop"] for key in "abcd"})
        assert wait_for_all(lines, 100) == [JobState.SUCCEEDED] * 20
        check_order(ordered, client, lines)
    assert len(ordered.runs) == len(set(ordered.runs)) == 24


@pytest.mark.on_every_broker
def test_the_order_is_kept_when_more_is_held_and_less_again(ordered):
    with ordered.client() as client:
        lines = submit(client, {key: [*["/noop"] * 60, "/sleep/1.5", *["/noop"] * 40] for key in "abc"})
        ordered.worker("-p", "1", "--verbose")
        wait_for(lambda: "held from now on" in ordered.log(), what="it holds more than at first")
        ordered.worker("-p", "1", "--verbose")
        assert set(wait_for_all(lines, 100)) == {JobState.SUCCEEDED}
        check_order(ordered, client, lines)
    assert len(ordered.runs) == len(set(ordered.runs)) == 3 * 101


@pytest.mark.on_every_broker
def test_what_is_asked_for_again_or_delayed_comes_after_what_was_published_before(ordered):
    worker = ordered.worker("-p", "1")
    with ordered.client() as client:
        delayed = client.submit("GET", "/noop?delayed", ordering_key="a", delay=1)
        failed = client.submit("GET", "/status/400", ordering_key="a")
        blocking = client.submit("GET", f"/until{ordered.folder}/end", ordering_key="a")
        following = client.submit("GET", "/noop", ordering_key="a")
        wait_for(lambda: blocking.state is JobState.RUNNING, what="the second runs")
        assert client.retry(failed.id)
        published = (EventKind.PUBLISHED, EventKind.RETRIED)
        for job in (failed, delayed):
            wait_for(
                lambda job=job: (
                    [e.kind for e in client.store.history(job.id) if e.kind in published][-1:] == [EventKind.PUBLISHED]
                ),
                what="its message is under way",
            )
        (ordered.folder / "end").touch()
        assert following.wait(20).state is JobState.SUCCEEDED
        for job in (failed, delayed):
            wait_for(lambda job=job: client.get(job.id).finished, what="it has run at last")
    ordered.stop(worker, signal.SIGTERM)
    assert [job_id for job_id, _ in ordered.runs][:3] == [failed.id, blocking.id, following.id]
    assert sorted(ordered.runs[3:]) == sorted([(failed.id, 2), (delayed.id, 1)])


@pytest.mark.on_every_broker
def test_a_key_on_a_subscription_that_keeps_no_order_is_told_of_once(project: Project) -> None:
    project.worker("-p", "1")
    with project.client() as client:
        jobs = [client.submit("GET", "/noop"), *(client.submit("GET", "/noop", ordering_key="k") for _ in range(3))]
        assert {job.wait(20).state for job in jobs} == {JobState.SUCCEEDED}
    assert project.log().count("may run in any order") == 1


def test_a_key_on_a_subscription_that_keeps_the_order_is_no_cause_for_a_warning(ordered: Project) -> None:
    ordered.worker("-p", "1")
    with ordered.client() as client:
        assert client.submit("GET", "/noop", ordering_key="k").wait(20).state is JobState.SUCCEEDED
    assert "any order" not in ordered.log()
