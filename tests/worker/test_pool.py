"""Children, real ones: fed, killed by others and by themselves, replaced."""

import queue
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pool_kit import HERE, Listener, Pools, opened, ready, task
from project import wait_for

from pubsubctl.exchange import Request
from pubsubctl.store.claims import Claimed
from pubsubctl.worker.outcome import Answered, Died, TimedOut, TooLarge
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.task import Task


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pools]:
    with opened(monkeypatch) as pools:
        yield pools


def test_a_job_is_answered(pools):
    pool, listener = pools()
    asked = task("/attempt", "job-1", attempt=7)
    pool.run([asked])
    ended, ending = listener.next_end()
    assert ended is asked
    assert isinstance(ending, Answered)
    assert ending.response.json() == {"job": "job-1", "attempt": 7}
    assert pool.tasks() == []


def test_a_body_larger_than_any_socket_buffer_goes_through_and_back(pools):
    pool, listener = pools()
    body = bytes(range(256)) * 30_000
    pool.run([Task(Claimed("j", 1, 0, 5), Request.of("POST", "/echo", (), body))])
    _, ending = listener.next_end()
    assert isinstance(ending, Answered)
    assert ending.response.body == body


def test_a_response_over_the_limit_is_called_too_large(pools):
    pool, listener = pools()
    pool.run([task("/large/11000000")])
    assert listener.next_end()[1] == TooLarge()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_child_that_dies_takes_its_job_with_it_and_is_replaced(pools, name):
    pool, listener = pools()
    pool.run([task(f"/dies/{name}", "victim")])
    ended, ending = listener.next_end()
    assert ended.job_id == "victim"
    assert isinstance(ending, Died)
    assert ending.how == f"the process that ran it was killed by {name}"
    pool.run([task("/noop", "next")])
    assert isinstance(listener.next_end()[1], Answered)


def test_only_the_job_that_had_begun_is_blamed(pools, tmp_path):
    pool, listener = pools()
    make_jobs_look_short(pool, listener)
    pool.run([task("/dies/SIGKILL", "guilty"), *(task("/noop", f"innocent-{n}") for n in range(5))])
    ends = {ended.job_id: ending for ended, ending in (listener.next_end() for _ in range(6))}
    assert isinstance(ends.pop("guilty"), Died)
    assert all(isinstance(ending, Answered) for ending in ends.values())


def test_what_waits_behind_a_long_job_is_given_to_another_child(pools, tmp_path):
    pool, listener = pools(processes=2)
    ready(pool, listener, 2)
    make_jobs_look_short(pool, listener)
    pool.run([task(f"/until{tmp_path}/end", "long"), *(task("/noop", f"short-{n}") for n in range(10))])
    ends = {listener.next_end()[0].job_id for _ in range(10)}
    assert ends == {f"short-{n}" for n in range(10)}
    (tmp_path / "end").touch()
    assert listener.next_end()[0].job_id == "long"


def test_short_jobs_are_given_ahead_and_long_ones_are_not(pools, tmp_path):
    pool, listener = pools()
    ready(pool, listener)
    assert pool.room() == 1
    make_jobs_look_short(pool, listener)
    assert pool.room() > 1
    pool.run([task(f"/until{tmp_path}/end", "long"), task("/noop", "behind")])
    wait_for(lambda: pool.room() <= 0, what="a long job has shown that jobs are not short")
    (tmp_path / "end").touch()
    assert {listener.next_end()[0].job_id for _ in range(2)} == {"long", "behind"}


def test_a_job_that_ignores_sigterm_is_killed_all_the_same(pools):
    pool, listener = pools()
    asked = task("/stubborn")
    pool.run([asked])
    wait_for(lambda: asked.began_at is not None, what="the job has begun")
    assert pool.kill(asked, TimedOut(1.0))
    assert listener.next_end() == (asked, TimedOut(1.0))
    pool.run([task("/noop", "next")])
    assert listener.next_end()[0].job_id == "next"


def test_a_neighbour_of_a_killed_job_is_interrupted_and_not_blamed(pools, tmp_path):
    pool, listener = pools(threads=2)
    slow, neighbour = task(f"/until{tmp_path}/never", "slow"), task(f"/until{tmp_path}/end", "neighbour")
    pool.run([slow, neighbour])
    wait_for(lambda: slow.began_at is not None and neighbour.began_at is not None, what="both have begun")
    pool.kill(slow, TimedOut(1.0))
    assert listener.next_end() == (slow, TimedOut(1.0))
    assert listener.interruptions.get(timeout=20) is neighbour


def test_a_job_killed_unnoticed_ends_without_a_word(pools, tmp_path):
    pool, listener = pools()
    asked = task(f"/until{tmp_path}/never", "lost")
    pool.run([asked])
    wait_for(lambda: asked.began_at is not None, what="the job has begun")
    assert pool.kill(asked, None)
    pool.run([task("/noop", "next")])
    assert listener.next_end()[0].job_id == "next"


def test_what_has_not_begun_can_be_taken_back(pools, tmp_path):
    pool, listener = pools()
    make_jobs_look_short(pool, listener)
    running = task(f"/until{tmp_path}/end", "running")
    pool.run([running, task("/noop", "a"), task("/noop", "b")])
    wait_for(lambda: running.began_at is not None, what="the first has begun")
    assert [task.job_id for task in pool.take_back()] == ["a", "b"]
    (tmp_path / "end").touch()
    assert listener.next_end()[0] is running
    pool.run([task("/noop", "c")])
    assert listener.next_end()[0].job_id == "c"


def test_it_can_be_asked_for_what_has_not_begun_while_it_stops(pools):
    """As the keeper asks on through a drain."""
    pool, listener = pools(processes=3)
    ready(pool, listener, 3)
    stopped = threading.Event()
    asked: queue.SimpleQueue[list[Task] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            while not stopped.is_set():
                asked.put(pool.take_back())
        except OSError as error:
            asked.put(error)

    asking, stopping = (threading.Thread(target=what, daemon=True) for what in (ask, pool.stop))
    asking.start()
    assert asked.get(timeout=20) == []
    stopping.start()
    stopping.join(20)
    stopped.set()
    asking.join(20)
    assert not stopping.is_alive()
    assert not asking.is_alive()
    assert all(asked.get_nowait() == [] for _ in range(asked.qsize()))


def test_jobs_given_ahead_are_taken_back_from_behind_one_that_holds_the_gil(pools):
    pool, listener = pools(processes=2)
    ready(pool, listener, 2)
    make_jobs_look_short(pool, listener)
    pool.run([task("/holds-the-gil", "gil"), *(task("/noop", f"short-{n}") for n in range(10))])
    ended = [listener.next_end()[0].job_id for _ in range(11)]
    assert ended[-1] == "gil"


class Hoarder(socket.socket):
    """Keeps a hold of what it was given, as whoever lists all objects of a process does."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(fileno=descriptor)
        self.kept: list[Any] = []

    def send(self, data: Any, flags: int = 0, /) -> int:
        self.kept.append(data)
        return super().send(data, flags)


def test_whoever_keeps_a_hold_of_what_was_sent_is_in_nobodys_way(pools):
    pool, listener = pools()
    ready(pool, listener)
    ours, theirs = socket.socketpair()
    with theirs, Hoarder(ours.detach()) as hoarder:
        child = replace(next(iter(pool._children)), socket=hoarder, outgoing=bytearray(b"frames"))
        child.flush()
        assert (bytes(child.outgoing), theirs.recv(10)) == (b"", b"frames")
        assert hoarder.kept


def test_a_death_is_noticed_though_what_the_application_forked_lives_on(pools):
    pool, listener = pools()
    pool.run([task("/forks-and-dies", "victim")])
    _, ending = listener.next_end()
    assert ending == Died("the process that ran it was killed by SIGKILL")
    pool.run([task("/noop", "next")])
    assert isinstance(listener.next_end()[1], Answered)


def test_progress_that_comes_after_the_answer_harms_nobody(pools, tmp_path):
    pool, listener = pools(threads=2)
    neighbour = task(f"/until{tmp_path}/end", "neighbour")
    pool.run([neighbour, task("/reports-later", "late")])
    assert listener.next_end()[0].job_id == "late"
    for number in range(20):
        pool.run([task("/sleep/0.02", f"more-{number}")])
        assert isinstance(listener.next_end()[1], Answered)
    (tmp_path / "end").touch()
    ended, ending = listener.next_end()
    assert ended is neighbour
    assert isinstance(ending, Answered)


def test_an_application_that_loads_no_more_lets_what_runs_end(pools, tmp_path, monkeypatch):
    (tmp_path / "fades.py").write_text((HERE / "testapp.py").read_text())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool, listener = pools("fades:app", processes=2)
    ready(pool, listener, 2)
    running = task(f"/until{tmp_path}/end", "running")
    pool.run([running])
    wait_for(lambda: running.began_at is not None, what="the job has begun")
    (tmp_path / "fades.py").write_text("1 / 0\n")
    pool.run([task("/dies/SIGKILL", "victim")])
    assert listener.next_end()[0].job_id == "victim"
    assert "ZeroDivisionError" in str(listener.failures.get(timeout=20))
    (tmp_path / "end").touch()
    ended, ending = listener.next_end()
    assert ended is running
    assert isinstance(ending, Answered)


def test_progress_is_kept_with_the_task(pools, tmp_path):
    pool, listener = pools()
    asked = task(f"/progress?file={tmp_path}/end")
    pool.run([asked])
    wait_for(lambda: asked.progress == (1.0, "step 5/5"), what="the last progress has come")
    (tmp_path / "end").touch()
    listener.next_end()


def test_an_application_that_cannot_be_imported_is_told_once_with_its_line(pools, tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("import flask\n1 / 0\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    _, listener = pools("broken:app")
    error = str(listener.failures.get(timeout=20))
    assert "ZeroDivisionError: division by zero" in error
    assert "broken.py, line 2" in error
    assert listener.failures.empty()


def test_an_application_that_kills_its_process_at_import_is_given_up(pools, tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    _, listener = pools("deadly:app")
    assert "killed by SIGKILL, before it was ready" in str(listener.failures.get(timeout=20))


def test_a_child_has_loaded_nothing_that_the_parent_needs(pools, tmp_path, monkeypatch):
    (tmp_path / "lists.py").write_text(
        "import json, sys\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [json.dumps(sorted(sys.modules)).encode()]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool, listener = pools("lists:app")
    pool.run([task("/")])
    _, ending = listener.next_end()
    assert isinstance(ending, Answered)
    roots = {name.split(".")[0] for name in ending.response.json()}
    assert not roots & {"grpc", "google", "sqlalchemy", "rich", "typer", "click", "sqlite3", "fsspec", "hashlib"}
    assert not any(name.startswith("pubsubctl.payloads") for name in ending.response.json())
    assert "pubsubctl.worker.child" in ending.response.json() or "__main__" in ending.response.json()


def make_jobs_look_short(pool: Pool, listener: Listener) -> None:
    """Let the pool learn that jobs take next to no time, so that it gives them ahead."""
    learned = 0
    while pool.room() <= 10:
        assert learned < 500, "the pool does not learn that jobs are short"
        pool.run([task("/noop", f"lesson-{learned}")])
        listener.next_end()
        learned += 1
