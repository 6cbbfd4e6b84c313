"""A job that runs too long is stopped, however it resists; the slot comes back at once, and nobody else is blamed."""

import time
from collections.abc import Iterator

import pytest
from pool_kit import Pools, begun, code, opened, ready
from project import wait_for

from pubsubctl import JobState
from pubsubctl.worker.outcome import Answered, TimedOut
from pubsubctl.worker.pool import Pool

APP = "anyapp:app"
SLACK_S = 3.0
"""A machine that does much else at the same time."""

STUBBORN = {
    "sleeps": "import time; time.sleep(1000)",
    "ignores SIGTERM": "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)",
    "handles SIGTERM": "import signal\nsignal.signal(signal.SIGTERM, lambda *_: None)\nwhile True: pass",
    "holds the GIL": "import re; re.match('(a+)+$', 'a' * 40 + 'b')",
    "catches everything": "import time\nwhile True:\n    try: time.sleep(1)\n    except BaseException: pass",
}


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pools]:
    with opened(monkeypatch) as pools:
        yield pools


def dying(pool: Pool) -> int:
    return sum(1 for child in pool._children if child.condemned)


@pytest.mark.parametrize("text", STUBBORN.values(), ids=STUBBORN.keys())
def test_the_slot_is_back_within_two_seconds_of_the_timeout_however_the_job_resists(pools, text):
    pool, listener = pools(APP)
    asked = code(text, "late", timeout_s=1.0)
    pool.run([asked])
    begun(asked)
    assert asked.began_at is not None
    wait_for(lambda: listener.children == 2, what="the successor is ready")
    assert listener.loaded_at - (asked.began_at + 1.0) < 2.0 + SLACK_S
    after = code("answer = 'ran'", "after")
    pool.run([after])
    ends = dict(listener.next_end() for _ in range(2))
    assert ends[asked] == TimedOut(1.0)
    assert isinstance(ends[after], Answered)
    wait_for(lambda: len(pool._children) == 1, what="the old child has gone")


def test_the_successor_is_started_before_a_stubborn_child_has_died(pools):
    pool, listener = pools(APP, term_grace_s=30.0)
    stubborn = code(STUBBORN["ignores SIGTERM"], "stubborn", timeout_s=0.5)
    after = code("answer = 'ran'", "after")
    pool.run([stubborn])
    begun(stubborn)
    pool.run([after])
    assert listener.answer_of(after).response.body == b"ran"
    assert len(pool._children) == 2


def test_there_are_never_more_than_twice_the_children_asked_for(pools):
    pool, _ = pools(APP, term_grace_s=30.0)
    for number in range(3):
        stubborn = code(STUBBORN["ignores SIGTERM"], f"stubborn-{number}", timeout_s=0.5)
        pool.run([stubborn])
        if number < 2:
            begun(stubborn)
            wait_for(lambda: dying(pool) == number + 1, what="it is stopped")  # noqa: B023
    assert len(pool._children) == 2
    assert stubborn.began_at is None


def test_only_the_job_that_ran_too_long_is_blamed_and_its_neighbours_are_run_again(pools):
    pool, listener = pools(APP, threads=3)
    late = code("while True: pass", "late", timeout_s=1.0)
    neighbours = [code("import time; time.sleep(1000)", f"neighbour-{n}") for n in range(2)]
    pool.run([late, *neighbours])
    begun(late, *neighbours)
    assert listener.end_of(late) == TimedOut(1.0)
    assert {listener.interruptions.get(timeout=20) for _ in range(2)} == set(neighbours)
    assert listener.ends.empty()


def test_a_neighbour_that_ends_before_the_child_does_has_its_answer(pools, tmp_path):
    pool, listener = pools(APP, threads=2)
    wait = f"import pathlib, time\nwhile not pathlib.Path('{tmp_path}/end').exists(): time.sleep(0.01)"
    # The main thread takes the signal; whichever job it runs, the child lives on for a moment.
    ignore = "import signal\ntry: signal.signal(signal.SIGTERM, signal.SIG_IGN)\nexcept ValueError: pass\n"
    ignore += f"import pathlib; pathlib.Path('{tmp_path}/' + environ['pubsubctl.job_id']).touch()\n"
    late, neighbour = code(ignore + "import time; time.sleep(1000)", "late"), code(ignore + wait, "neighbour")
    pool.run([late, neighbour])
    begun(late, neighbour)
    wait_for(lambda: all((tmp_path / task.job_id).exists() for task in (late, neighbour)), what="the signal is ignored")
    pool.kill(late, TimedOut(1.0))
    (tmp_path / "end").touch()
    assert isinstance(listener.end_of(neighbour), Answered)
    assert listener.end_of(late) == TimedOut(1.0)


def test_the_time_that_a_job_waits_for_its_turn_does_not_count(pools):
    pool, listener = pools(APP)
    ready(pool, listener)
    first, second = (code("import time; time.sleep(0.7)", f"j{n}", timeout_s=3.0) for n in range(2))
    pool.run([first, second])
    assert isinstance(listener.end_of(first), Answered)
    assert isinstance(listener.end_of(second), Answered)


def test_a_job_within_its_timeout_is_left_alone(pools):
    pool, listener = pools(APP)
    asked = code("import time; time.sleep(0.3); answer = 'in time'", timeout_s=5.0)
    pool.run([asked])
    assert listener.answer_of(asked).response.body == b"in time"


def test_a_worker_stops_each_of_several_threads_jobs_at_its_own_time_and_counts_the_innocent_nowhere(project):
    project.worker("-p", "1", "-t", "2", "--max-attempts", "1", app=APP)
    with project.client() as client:
        late = client.submit("POST", "/", data=b"while True: pass", job_timeout=2)
        patient = client.submit("POST", "/", data=f"import time; time.sleep(5); answer = {time.time()}".encode())
        late_record = late.wait(40)
        record = patient.wait(40)
    assert "ran longer than 2 s" in (late_record.error or "")
    assert record.state is JobState.SUCCEEDED
    assert (record.failures, record.crashes) == (0, 0)
    assert record.attempt == 2
