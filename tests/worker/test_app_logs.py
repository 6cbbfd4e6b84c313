"""What an application prints and logs is seen at once, and the last of it is kept with the attempt that printed it."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pool_kit import Kept, Listener, Pools, begun, code, opened
from project import wait_for

from pubsubctl.job import JobState
from pubsubctl.worker.outcome import Answered, Died, TimedOut, TooLarge
from pubsubctl.worker.output import LogLines, Output
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.tail import LIMIT
from pubsubctl.worker.task import Task

APP = "anyapp:app"
CUT = "[only the last 16 KiB are kept]\n"
TO_A_FILE = """
import logging
log = logging.getLogger("f")
log.addHandler(logging.FileHandler("/dev/null"))
log.propagate = False
log.error("to a file")
"""


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pools]:
    with opened(monkeypatch) as pools:
        yield pools


def log_of(pool: Pool, listener: Listener, text: str, job_id: str = "j", **more: Any) -> str:
    """What is kept of a job that runs this code."""
    asked = code(text, job_id, **more)
    pool.run([asked])
    return listener.end_of(asked).log


# --- what is kept ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "log"),
    [
        ("print('a', 1)", "a 1\n"),
        ("import sys; print('a', file=sys.stderr); print('b')", "a\nb\n"),
        ("import sys; sys.stdout.write('no end')", "no end"),
        ("import sys; sys.stdout.buffer.write(b'bytes\\n')", "bytes\n"),
        ("import sys; sys.__stderr__.write('original\\n')", "original\n"),
        ("environ['wsgi.errors'].write('é\\n')", "é\n"),
        ("import logging; logging.warning('w %d', 1)", "WARNING:root:w 1\n"),
        ("import logging; logging.getLogger('mine').error('e')", "e\n"),
        ("import logging; log = logging.getLogger('deep'); log.setLevel(10); log.debug('d')", "DEBUG deep: d\n"),
        ("import logging; logging.getLogger('quiet').info('not let through')", ""),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\x00\\n')", "\N{REPLACEMENT CHARACTER}" * 2 + "\n"),
        ("print('\\ud800')", "\\ud800\n"),
        ("answer = 'silent'", ""),
    ],
)
def test_what_is_printed_and_logged_is_kept(pools, text, log):
    pool, listener = pools(APP)
    assert log_of(pool, listener, text) == log


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("app.logger.warning('from flask')", ["WARNING in <string>", "from flask"]),
        ("import warnings; warnings.warn('old')", ["UserWarning: old"]),
        ("1 / 0", ["Traceback", "ZeroDivisionError"]),
        ("import logging\ntry: 1 / 0\nexcept ValueError: pass", ["ZeroDivisionError"]),
        (TO_A_FILE, ["ERROR f: to a file"]),
    ],
)
def test_what_frameworks_and_handlers_make_of_it_is_kept_too(pools, text, parts):
    pool, listener = pools(APP)
    log = log_of(pool, listener, text)
    assert all(part in log for part in parts), log


def test_of_much_the_last_lines_are_kept_and_that_is_said(pools):
    pool, listener = pools(APP, output=Kept())
    log = log_of(pool, listener, "for n in range(10_000): print('line', n)")
    assert len(log.encode()) <= LIMIT
    assert log.startswith(CUT + "line ")
    assert log.endswith("line 9999\n")


@pytest.mark.parametrize("text", ["b'\\xff' * 10_000_000", "b'x' * 10_000_000", "bytes(range(256)) * 40_000"])
def test_ten_megabytes_of_anything_are_passed_on_whole_and_kept_within_bounds(pools, text):
    kept = Kept()
    pool, listener = pools(APP, output=kept)
    log = log_of(pool, listener, f"import sys; data = {text}; sys.stdout.buffer.write(data); answer = len(data)")
    assert 0 < len(log.encode()) <= LIMIT
    assert log.startswith(CUT)
    expected = eval(text)
    wait_for(lambda: len(kept.data) >= len(expected), what="all of it has arrived")
    assert kept.data == expected


def test_an_answer_that_is_too_large_has_its_log(pools):
    pool, listener = pools(APP)
    asked = code("print('so much'); answer = 'x' * 11_000_000")
    pool.run([asked])
    assert listener.end_of(asked) == TooLarge("so much\n")


# --- whose it is ----------------------------------------------------------------------------------------------------


def test_an_attempt_has_what_it_printed_itself_and_nothing_of_the_one_before(pools):
    pool, listener = pools(APP)
    for number in range(5):
        assert log_of(pool, listener, f"print('job', {number})") == f"job {number}\n"


def test_jobs_in_threads_of_one_child_do_not_mix(pools):
    kept = Kept()
    pool, listener = pools(APP, threads=4, output=kept)
    text = "import sys, time\nfor n in range(200):\n    print('{0}', end=' '); print(n); time.sleep(0.001)"
    names = ["a", "b", "c", "d"]
    pool.run([code(text.format(name), name) for name in names])
    logs = {task.job_id: ending.log for task, ending in (listener.next_end() for _ in names)}
    assert logs == {name: "".join(f"{name} {n}\n" for n in range(200)) for name in names}
    whole = [f"{name} {n}" for name in names for n in range(200)]
    wait_for(lambda: kept.data.count(b"\n") == 800, what="all lines have arrived")
    assert sorted(kept.data.decode().splitlines()) == sorted(whole), "lines are whole in the worker's output too"


@pytest.mark.parametrize(
    ("threads", "start", "log"),
    [
        (2, "threading.Thread(target=contextvars.copy_context().run, args=(print, 'mine'))", "mine\n"),
        (1, "threading.Thread(target=print, args=('mine',))", "mine\n"),
        (2, "threading.Thread(target=print, args=('nobodys',))", ""),
    ],
)
def test_a_thread_that_a_job_starts_is_the_jobs_where_that_can_be_told(pools, threads, start, log):
    pool, listener = pools(APP, threads=threads)
    text = f"import contextvars, threading\nthread = {start}\nthread.start()\nthread.join()"
    assert log_of(pool, listener, text) == log


def test_what_a_thread_prints_after_its_job_has_ended_is_nobody_elses(pools):
    pool, listener = pools(APP, threads=2)
    text = (
        "import contextvars, threading, time\n"
        "def late():\n    for _ in range(50): print('late'); time.sleep(0.01)\n"
        "threading.Thread(target=contextvars.copy_context().run, args=(late,), daemon=True).start()"
    )
    log_of(pool, listener, text)
    assert log_of(pool, listener, "import time; time.sleep(0.3); print('mine')") == "mine\n"


# --- attempts without an end of their own ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end", ["import ctypes; ctypes.string_at(0)", "import os; os._exit(3)", "os.kill(os.getpid(), 9)", "os.abort()"]
)
def test_a_dead_attempt_has_what_it_printed_until_then(pools, end):
    pool, listener = pools(APP)
    log_of(pool, listener, "import os; print('earlier'); os.write(1, b'and by descriptor\\n')")
    asked = code(f"import os; print('last words'); os.write(2, b'from C\\n'); {end}")
    pool.run([asked])
    ending = listener.end_of(asked)
    assert isinstance(ending, Died)
    assert ending.log.startswith("last words\nfrom C\n"), ending.log


def test_a_segfault_leaves_the_traceback_of_where_it_was(pools):
    pool, listener = pools(APP)
    log = log_of(pool, listener, "import ctypes\ndef guilty(): ctypes.string_at(0)\nguilty()")
    assert "Fatal Python error: Segmentation fault" in log
    assert "in guilty" in log


def test_an_attempt_that_timed_out_has_what_it_printed_and_its_subprocesses_too(pools):
    pool, listener = pools(APP)
    text = "import subprocess, time; print('mine'); subprocess.run(['echo', 'theirs']); time.sleep(1000)"
    asked = code(text, timeout_s=1.0)
    pool.run([asked])
    assert listener.end_of(asked) == TimedOut(1.0, "mine\ntheirs\n")


def test_of_a_dead_attempt_too_only_the_last_lines_are_kept(pools):
    pool, listener = pools(APP, output=Kept())
    log = log_of(pool, listener, "import os\nfor n in range(10_000): print('line', n)\nos._exit(1)")
    assert len(log.encode()) <= LIMIT
    assert log.startswith(CUT + "line ")
    assert log.endswith("line 9999\n")


def test_of_several_jobs_in_a_dead_child_each_has_what_all_printed_and_that_is_said(pools):
    pool, listener = pools(APP, threads=2)
    waiting = code("import time; print('waits'); time.sleep(1000)", "waiting")
    pool.run([waiting])
    begun(waiting)
    pool.run([code("import os, time; print('dies'); time.sleep(0.5); os.abort()", "dying")])
    for _ in range(2):
        _, ending = listener.next_end()
        assert ending.log.startswith("[2 jobs ran in this process; all that they printed]\n")
        assert "dies\n" in ending.log


# --- where it goes --------------------------------------------------------------------------------------------------


def test_output_is_seen_at_once(pools, tmp_path):
    kept = Kept()
    pool, listener = pools(APP, output=kept)
    text = f"import pathlib, time\nprint('now'); print('half a line', end='')\nend = pathlib.Path('{tmp_path}/end')\n"
    asked = code(text + "while not end.exists(): time.sleep(0.01)", "job")
    pool.run([asked])
    wait_for(lambda: kept.data == b"now\nhalf a line", what="it is seen while the job runs")
    assert ("job",) in kept.jobs
    (tmp_path / "end").touch()
    listener.answer_of(asked)


def test_by_default_it_goes_to_the_workers_own_stderr_as_it_is(pools, capfd):
    pool, listener = pools(APP)
    log_of(pool, listener, "import sys; sys.stdout.buffer.write(b'as \\xff it is')")
    pool.stop()
    assert "as \N{REPLACEMENT CHARACTER} it is" in capfd.readouterr().err


def test_it_can_go_to_the_log_line_by_line_with_its_job(pools, caplog):
    caplog.set_level("INFO")
    pool, listener = pools(APP, output=LogLines())
    log_of(pool, listener, "print('one\\ntwo'); print('the rest', end='')", "job-1")
    pool.stop()
    records = [record for record in caplog.records if record.name == "pubsubctl.app"]
    assert [record.getMessage() for record in records] == ["one", "two", "the rest"]
    assert (vars(records[0])["job_id"], vars(records[0])["attempt"]) == ("job-1", 1)


def test_any_output_may_ask_for_marks(pools):
    kept = Kept()
    kept.marked = True
    pool, listener = pools(APP, output=kept)
    assert log_of(pool, listener, "print('one')", "job-1") == "one\n"
    pool.stop()
    assert b"job-1" in kept.data


MANY_LINES = """
for number in range(20):
    print(environ["pubsubctl.job_id"], number)
print(environ["pubsubctl.job_id"], "has no end", end="")
"""


@pytest.mark.parametrize("threads", [1, 4])
def test_every_line_of_the_log_is_of_the_job_that_printed_it(pools, caplog, threads):
    caplog.set_level("INFO")
    pool, listener = pools(APP, output=LogLines(), threads=threads)
    asked = [code(MANY_LINES, f"job-{number}") for number in range(100)]
    pool.run(asked)
    for _ in asked:
        assert isinstance(listener.next_end()[1], Answered)
    pool.stop()
    records = [record for record in caplog.records if record.name == "pubsubctl.app"]
    assert len(records) == 2100
    assert {record.getMessage().split()[0] == vars(record)["job_id"] for record in records} == {True}


def test_a_line_of_the_log_is_as_severe_as_the_record_that_it_was(pools, caplog):
    pool, listener = pools(APP, output=LogLines())
    log_of(pool, listener, "import logging; logging.basicConfig(level=10); logging.debug('d'); logging.error('e\\ne')")
    log_of(pool, listener, "print('p'); 1 / 0")
    pool.stop()
    said = {record.getMessage(): record.levelname for record in caplog.records if record.name == "pubsubctl.app"}
    assert (said["DEBUG:root:d"], said["ERROR:root:e"], said["e"]) == ("DEBUG", "ERROR", "ERROR")
    assert (said["p"], said["ZeroDivisionError: division by zero"]) == ("INFO", "ERROR")


def test_a_long_line_is_cut_between_its_characters(pools, caplog):
    caplog.set_level("INFO")
    pool, listener = pools(APP, output=LogLines())
    log_of(pool, listener, "print('x' + 'é' * 100_000)")
    pool.stop()
    lines = [record.getMessage() for record in caplog.records if record.name == "pubsubctl.app"]
    assert "".join(lines) == "x" + "é" * 100_000
    assert max(map(len, lines)) <= 8192


def test_an_attempt_that_died_has_its_output_without_marks(pools):
    pool, listener = pools(APP, output=LogLines())
    asked = code("import os; print('last words'); os.kill(os.getpid(), 9)")
    pool.run([asked])
    assert listener.end_of(asked).log == "last words\n"


def test_an_output_that_takes_nothing_holds_up_neither_jobs_nor_memory(pools, caplog):
    release = threading.Event()

    class Stuck(Output):
        def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:
            release.wait(60)

    pool, listener = pools(APP, output=Stuck())
    began = time.monotonic()
    for number in range(3):
        asked = code("import sys; sys.stdout.buffer.write(b'x' * 10_000_000)", f"j{number}")
        pool.run([asked])
        assert isinstance(listener.end_of(asked), Answered)
    assert time.monotonic() - began < 15
    assert pool._children._forwarder._size <= 8 << 20
    release.set()
    wait_for(lambda: "are lost" in caplog.text, what="the loss is told")


def test_an_output_that_fails_loses_no_more_than_that_piece(pools, caplog):
    class Failing(Kept):
        def __call__(self, pid: int, data: bytes, tasks: list[Task]) -> None:
            if b"bad" in data:
                raise RuntimeError("nothing bad")
            super().__call__(pid, data, tasks)

    kept = Failing()
    pool, listener = pools(APP, output=kept)
    log_of(pool, listener, "print('bad')")
    wait_for(lambda: "output of a child is lost" in caplog.text, what="the failure is told")
    log_of(pool, listener, "print('good')")
    wait_for(lambda: kept.data == b"good\n", what="the next piece has arrived")


def test_a_worker_keeps_the_log_of_every_attempt_with_the_job(project):
    project.worker("-p", "1", app=APP)
    with project.client() as client:
        text = "print('attempt', environ['pubsubctl.attempt']); environ['pubsubctl.attempt'] == 1 and 1 / 0"
        job = client.submit("POST", "/", data=text.encode())
        job.wait(40)
        logs = [event.log for event in client.store.history(job.id) if event.log]
    assert "ZeroDivisionError" in logs[0]
    assert logs[0].startswith("attempt 1\n")
    assert logs[1] == "attempt 2\n"
    wait_for(lambda: "attempt 2\n" in project.log(), what="it is in the worker's own output")


STUCK = b"import time; print('stuck at step 3'); time.sleep(60)"


def test_an_attempt_that_was_cancelled_or_given_back_by_a_drain_keeps_its_log(project):
    worker = project.worker("-p", "1", "--drain-timeout", "0", app=APP)
    with project.client() as client:

        def stuck() -> str:
            job = client.submit("POST", "/", data=STUCK)
            wait_for(lambda: job.refresh().state is JobState.RUNNING, what="it runs")
            wait_for(lambda: project.log().count("stuck") > len(ids), what="it has printed")
            return job.id

        def logs(job_id: str) -> list[tuple[str, str | None]]:
            return [(event.kind, event.log) for event in client.store.history(job_id) if event.log]

        ids: list[str] = []
        ids.append(stuck())
        client.store.cancel(ids)
        wait_for(lambda: logs(ids[0]) == [("ended", "stuck at step 3\n")], what="the cancelled one's log is kept")
        ids.append(stuck())
        assert project.stop(worker) == 0
        assert logs(ids[1]) == [("released", "stuck at step 3\n")]
