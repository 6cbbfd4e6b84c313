"""A cancelled job is stopped within two seconds if it runs, and never runs if it does not; its slot comes back."""

import time
from collections.abc import Iterator

import pytest
from pool_kit import Pools, alive, begun, code, opened, pid_in
from project import wait_for

from pubsubctl import JobState

APP = "anyapp:app"
PROMISED_S, SLACK_S = 2.0, 3.0
IGNORE = "import os, pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
TELL = "pathlib.Path('{file}').write_text(str(os.getpid()) + '\\n')\n"


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pools]:
    with opened(monkeypatch) as pools:
        yield pools


@pytest.mark.on_every_broker
@pytest.mark.parametrize("text", ["time.sleep(1000)", "import re; re.match('(a+)+$', 'a' * 40 + 'b')"])
def test_a_running_job_is_stopped_in_time_though_it_ignores_sigterm(project, text):
    project.worker("-p", "1", app=APP)
    file = project.folder / "pid"
    with project.client() as client:
        job = client.submit("POST", "/", data=(IGNORE + TELL.format(file=file) + text).encode())
        pid = pid_in(file)
        assert job.cancel()
        cancelled_at = time.monotonic()
        wait_for(lambda: not alive(pid), what="the job's process has ended")
        assert time.monotonic() - cancelled_at < PROMISED_S + SLACK_S
        assert client.submit("POST", "/", data=b"answer = 'next'").result(20).body == b"next"
        record = job.refresh()
    assert (record.state, record.attempt, record.failures, record.crashes) == (JobState.CANCELLED, 1, 0, 0)
    assert project.log().count("is ours no more and is stopped") == 1


@pytest.mark.on_every_broker
def test_a_queued_job_that_is_cancelled_never_runs(project):
    project.worker("-p", "1")
    with project.client() as client:
        blocking = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: blocking.state is JobState.RUNNING, what="the only slot is taken")
        waiting = [client.submit("GET", f"/noop?n={n}") for n in range(5)]
        assert all(job.cancel() for job in waiting[:4])
        (project.folder / "end").touch()
        assert waiting[4].result(20).status == 200
        assert [job.state for job in waiting[:4]] == [JobState.CANCELLED] * 4
    assert {job_id for job_id, _ in project.runs} == {blocking.id, waiting[4].id}


def test_a_job_that_a_child_was_given_ahead_and_has_not_begun_never_runs(pools, tmp_path):
    pool, listener = pools(APP)
    first = code(f"import pathlib, time\nwhile not pathlib.Path('{tmp_path}/end').exists(): time.sleep(0.01)", "first")
    pool._pace.ahead = 10  # as after many short jobs
    second, third = (code(f"import pathlib; pathlib.Path('{tmp_path}/{n}').touch()", n) for n in ("second", "third"))
    pool.run([first, second, third])
    begun(first)
    assert pool.kill(second, None)
    (tmp_path / "end").touch()
    listener.answer_of(first)
    listener.answer_of(third)
    assert not (tmp_path / "second").exists()
    assert pool.tasks() == []


def test_the_slot_of_a_cancelled_job_comes_back_and_the_job_ends_without_a_word(pools):
    pool, listener = pools(APP)
    for number in range(3):
        stubborn = code(IGNORE + "time.sleep(1000)", f"stubborn-{number}")
        pool.run([stubborn])
        begun(stubborn)
        stopped_at = time.monotonic()
        assert pool.kill(stubborn, None)
        assert not pool.kill(stubborn, None), "it is stopped already"
        after = code("answer = 'ran'", f"after-{number}")
        pool.run([after])
        assert listener.answer_of(after).response.body == b"ran"
        assert time.monotonic() - stopped_at < PROMISED_S + SLACK_S
