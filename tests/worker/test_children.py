"""Children may do anything: the parent lives on, the job ends or is tried again, people learn why, nothing is left."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pool_kit import HERE, Listener, Pools, alive, begun, code, opened, pid_in, ready, task
from project import wait_for

from pubsubctl import JobState
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.outcome import Answered, Died, TimedOut
from pubsubctl.worker.pool import Pool

APP = "anyapp:app"
RAN = "the process that ran it "

PATCHED = """
from anyapp import app
import _thread, os, select, threading, time
def cooperates(*_, **__): raise RuntimeError("there is no turn to wait for")
_thread.start_new_thread = threading._start_new_thread = threading._allocate_lock = time.sleep = cooperates
threading.Lock = threading.RLock = threading.Condition = threading.Event = cooperates
threading._CRLock, threading._PyRLock = None, cooperates
def waits(descriptor, size, read=os.read):
    select.select([descriptor], [], [])
    return read(descriptor, size)
os.read = waits
"""
"""As gevent and eventlet do it, but that whoever would wait for what has replaced threads and locks fails at once."""


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pools]:
    with opened(monkeypatch) as pools:
        yield pools


def still_works(pool: Pool, listener: Listener) -> int:
    """Another job runs; returns the process that has run it."""
    after = code("import os; answer = os.getpid()", "after")
    pool.run([after])
    return int(listener.answer_of(after).response.body)


# --- deaths ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "was killed by SIGSEGV"),
        ("import os; os.abort()", "was killed by SIGABRT"),
        ("import signal, time; signal.alarm(1); time.sleep(20)", "was killed by SIGALRM"),
        ("import os; os._exit(3)", "exited with status 3"),
        ("import os; os._exit(0)", "exited with status 0"),
        (
            "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass",
            "was killed by SIGXCPU",
        ),
        (
            "import os; os.closerange(3, 65536)",
            "lost its worker: the app has closed file descriptors that are not its own",
        ),
    ],
)
def test_a_child_that_ends_in_a_job_is_told_in_words_and_followed_by_another(pools, text, how):
    meters = Meters()
    pool, listener = pools(APP, meters=meters)
    asked = code(text)
    pool.run([asked])
    ending = listener.end_of(asked)
    assert isinstance(ending, Died)
    assert ending.how == RAN + how
    assert meters.child_deaths == 1
    still_works(pool, listener)


def test_an_application_that_writes_into_the_workers_socket_is_stopped_and_that_is_told(pools):
    pool, listener = pools(APP)
    asked = code(
        "import os, socket, stat, time\n"
        "for number in range(3, 1024):\n"
        "    try:\n"
        "        if stat.S_ISSOCK(os.fstat(number).st_mode): os.write(number, b'\\xff' * 100)\n"
        "    except OSError: pass\n"
        "time.sleep(30)\n"
    )
    pool.run([asked])
    ending = listener.end_of(asked)
    assert isinstance(ending, Died)
    assert ending.how == RAN + "was killed: the app has written into the worker's own socket"
    still_works(pool, listener)


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(3)",
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)",
        "def recurse(): recurse()\nrecurse()",
        "bytearray(1 << 62)",
        "raise MemoryError",
        "raise GeneratorExit",
        "import sys; sys.stderr.close(); 1 / 0",
        "import sys; sys.stderr = None; sys.stdout = None; environ['wsgi.errors'] = None; 1 / 0",
    ],
)
def test_what_a_job_raises_is_its_answer_500_and_ends_no_child(pools, text):
    pool, listener = pools(APP)
    first = still_works(pool, listener)
    asked = code(text)
    pool.run([asked])
    answered = listener.answer_of(asked)
    assert answered.response.status == 500
    assert "Traceback" in answered.log
    assert still_works(pool, listener) == first


@pytest.mark.parametrize(
    "text",
    [
        "import os; os.closerange(0, 256); answer = 'closed'",
        "import os; os.chdir('/'); answer = 'moved'",
        "import os; os.nice(5); answer = 'nice'",
        "import logging; logging.disable(); logging.error('x'); answer = 'silent'",
        "import sys, io; sys.stdout = io.StringIO(); print('x'); answer = 'elsewhere'",
        "import sys; sys.stdout.close(); sys.stderr.close(); print('x'); answer = 'closed'",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); answer = 'limited'",
        "import signal\nfor number in (2, 10, 13, 15, 17): signal.signal(number, lambda *_: 1 / 0)\nanswer = 'handled'",
        "import threading, time\nfor _ in range(20): threading.Thread(target=time.sleep, args=(1000,)).start()",
        "import subprocess; subprocess.Popen(['sleep', '1000']); answer = 'started'",
        "import faulthandler; faulthandler.disable(); answer = 'disabled'",
    ],
)
def test_a_child_goes_on_whatever_a_job_has_changed_about_it(pools, text):
    pool, listener = pools(APP)
    first = still_works(pool, listener)
    asked = code(text)
    pool.run([asked])
    assert listener.answer_of(asked).response.status == 200
    assert still_works(pool, listener) == first


@pytest.mark.parametrize("threads", [1, 3])
def test_an_application_may_replace_what_python_has_for_threads(pools, tmp_path, monkeypatch, threads):
    (tmp_path / "patched.py").write_text(PATCHED)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{HERE}")
    pool, listener = pools("patched:app", threads=threads)
    asked = [code("import pubsubctl; pubsubctl.progress(0.5); answer = 'ran'", f"j{number}") for number in range(9)]
    pool.run(asked)
    ends = dict(listener.next_end() for _ in asked)
    assert {ends[one].response.body for one in asked} == {b"ran"}
    late = code("while True: pass", "late", timeout_s=0.5)
    pool.run([late])
    assert listener.end_of(late) == TimedOut(0.5)
    still_works(pool, listener)


def test_a_job_that_forks_and_comes_back_twice_is_answered_once(pools):
    pool, listener = pools(APP)
    asked = code("import os; forked = os.fork(); answer = 'parent' if forked else 'copy'")
    pool.run([asked])
    assert listener.answer_of(asked).response.body == b"parent"
    first = still_works(pool, listener)
    more = [code(f"answer = {number}", f"more-{number}") for number in range(20)]
    for one in more:
        pool.run([one])
        assert listener.answer_of(one).response.body == one.job_id.removeprefix("more-").encode()
    assert still_works(pool, listener) == first


def test_progress_reported_in_a_forked_copy_harms_nobody(pools):
    pool, listener = pools(APP)
    asked = code(
        "import os, pubsubctl\n"
        "forked = os.fork()\n"
        "pubsubctl.progress(0.5)\n"
        "if forked: _, status = os.waitpid(forked, 0); answer = status\n"
    )
    pool.run([asked])
    assert listener.answer_of(asked).response.body == b"0"


@pytest.mark.parametrize(
    "how", ["ctypes.PyDLL(None).sleep(1000)", "os.kill(os.getpid(), signal.SIGSTOP)"], ids=["holds the GIL", "stopped"]
)
def test_a_child_that_begins_nothing_any_more_is_replaced_and_its_jobs_run_in_another(pools, tmp_path, caplog, how):
    meters = Meters()
    pool, listener = pools(APP, meters=meters, stuck_s=3.0)
    leaves_behind = code(
        "import ctypes, os, pathlib, signal, threading, time\n"
        "def later():\n"
        "    time.sleep(0.5)\n"
        f"    pathlib.Path('{tmp_path}/now').touch()\n"
        f"    {how}\n"
        "threading.Thread(target=later, daemon=True).start()\n"
        "answer = os.getpid()"
    )
    pool.run([leaves_behind])
    stuck = int(listener.answer_of(leaves_behind).response.body)
    wait_for((tmp_path / "now").exists, what="the thread that was left behind does it")
    assert still_works(pool, listener) != stuck
    assert not alive(stuck)
    assert "it was killed, since it had begun no job for 3 s" in caplog.text
    assert meters.child_deaths == 1


def test_a_job_with_which_every_child_gets_stuck_is_blamed_in_the_end(pools, tmp_path):
    app = tmp_path / "hangs.py"
    app.write_text(
        "import ctypes\n"
        "from pubsubctl.worker.channel import Channel\n"
        "send = Channel.send\n"
        "def say_and_hang(self, data):\n"
        "    send(self, data)\n"
        "    ctypes.PyDLL(None).sleep(1000)\n"
        "Channel.send = say_and_hang\n"
        "def app(environ, start_response): raise AssertionError('it never runs')\n"
    )
    pool, listener = pools(str(app), stuck_s=1.0)
    asked = task("/noop")
    pool.run([asked])
    ending = listener.end_of(asked)
    assert isinstance(ending, Died)
    assert "it had begun no job for 1 s" in ending.how
    assert asked.stuck == 3


def test_who_stood_still_itself_takes_nobody_for_stuck(pools, tmp_path):
    pool, listener = pools(APP, stuck_s=2.0)
    ready(pool, listener)
    asked = code(f"open('{tmp_path}/runs', 'a').write('x'); answer = 'ran'")
    wake = subprocess.Popen(["sh", "-c", f"sleep 4; kill -CONT {os.getpid()}"])
    pool.run([asked])
    os.kill(os.getpid(), signal.SIGSTOP)
    assert listener.answer_of(asked).response.body == b"ran"
    assert (tmp_path / "runs").read_text() == "x"
    assert wake.wait() == 0


# --- what they start ------------------------------------------------------------------------------------------------

ESCAPES = """
import os, subprocess, sys, time
from pathlib import Path
def tell(file, pid):
    Path(file).write_text(f"{{pid}}\\n")
tell("{folder}/plain", subprocess.Popen(["sleep", "1000"]).pid)
tell("{folder}/setsid", subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
tell("{folder}/no-mark", subprocess.Popen(["sleep", "1000"], start_new_session=True, env={{}}).pid)
if os.fork() == 0:  # as a daemon is made
    os.setsid()
    if os.fork() == 0:
        tell("{folder}/daemon", os.getpid())
        os.execvp("sleep", ["sleep", "1000"])
    os._exit(0)
while not Path("{folder}/daemon").exists(): time.sleep(0.01)
"""
STRAYS = ("plain", "setsid", "no-mark", "daemon")


@pytest.mark.parametrize("end", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(1000)"])
def test_whatever_a_job_has_started_ends_with_its_child_in_whichever_session_it_is(pools, tmp_path, end):
    pool, listener = pools(APP)
    asked = code(ESCAPES.format(folder=tmp_path) + end)
    pool.run([asked])
    # One whose parent has died, and that has neither session nor environment of the child's, belongs to nobody.
    expected = STRAYS if "sleep" in end else tuple(name for name in STRAYS if name != "no-mark")
    pids = [pid_in(tmp_path / name) for name in expected]
    if "sleep" in end:
        assert all(map(alive, pids))
        pool.kill(asked, TimedOut(1.0))
    listener.end_of(asked)
    wait_for(lambda: not any(map(alive, pids)), what="they have ended")
    if alive(left := pid_in(tmp_path / "no-mark")):
        os.kill(left, signal.SIGKILL)


def test_a_neighbours_processes_are_left_alone(pools, tmp_path):
    pool, listener = pools(APP, processes=2)
    ready(pool, listener, 2)
    neighbour, victim = code(ESCAPES.format(folder=tmp_path) + "time.sleep(1000)", "n"), code("while True: pass", "v")
    pool.run([neighbour, victim])
    pids = [pid_in(tmp_path / name) for name in STRAYS]
    pool.kill(victim, TimedOut(1.0))
    listener.end_of(victim)
    assert all(map(alive, pids))


def test_nothing_is_left_when_a_pool_has_stopped(pools, tmp_path):
    pool, listener = pools(APP, processes=2)
    ready(pool, listener, 2)
    pool.run([code(ESCAPES.format(folder=tmp_path) + "time.sleep(1000)")])
    pids = [pid_in(tmp_path / name) for name in STRAYS]
    pids += [child.pid for child in pool._children]
    pool.stop()
    assert not any(map(alive, pids))


def test_an_idle_child_ends_as_a_python_process_does_when_the_pool_stops(pools, tmp_path):
    pool, listener = pools(APP)
    asked = code(f"import atexit, pathlib; atexit.register(pathlib.Path('{tmp_path}/ended').touch)")
    pool.run([asked])
    listener.answer_of(asked)
    pool.stop()
    assert (tmp_path / "ended").exists()


def test_threads_that_never_end_do_not_keep_a_pool_from_stopping(pools):
    pool, listener = pools(APP)
    asked = code("import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()")
    pool.run([asked])
    listener.answer_of(asked)
    began = time.monotonic()
    pool.stop()
    assert time.monotonic() - began < 5


def test_when_a_worker_is_killed_all_that_its_jobs_have_started_dies_too(project):
    project.environment["STRAYS"] = str(project.folder)
    worker = project.worker("-p", "1", app="anyapp:app")
    with project.client() as client:
        text = ESCAPES.format(folder=project.folder) + f"tell('{project.folder}/child', os.getpid()); time.sleep(1000)"
        client.submit("POST", "/", data=text.encode())
        pids = [pid_in(project.folder / name) for name in ("plain", "setsid", "daemon", "child")]
        unmarked = pid_in(project.folder / "no-mark")
        assert all(map(alive, pids))
        worker.kill()
        worker.wait()
        wait_for(lambda: not any(map(alive, pids)), what="they have died")
    os.kill(unmarked, signal.SIGKILL)


def test_a_worker_whose_log_nobody_reads_stops_what_is_overdue_runs_on_and_drains(project):
    flags = ("-p", "1", "--job-timeout", "2", "--max-attempts", "1")
    worker = project.worker(*flags, app="anyapp:app", unread=True)
    with project.client() as client:
        prints, overdue = "for _ in range(20): print('x' * (1 << 20), end='')", "while True: pass"
        prints, overdue, after = (client.submit("POST", "/", data=text) for text in (prints, overdue, "answer = 'ran'"))
        assert prints.wait(60).state is JobState.SUCCEEDED
        assert overdue.wait(60).error == "the only attempt failed; the last one: ran longer than 2 s"
        assert after.result(60).body == b"ran"
    assert project.stop(worker) == 0


# --- poison ---------------------------------------------------------------------------------------------------------


def test_children_that_only_die_are_started_later_and_later(pools):
    pool, listener = pools(APP)
    starts: list[float] = []
    for number in range(6):
        poison = code("import os; os._exit(1)", f"poison-{number}")
        pool.run([poison])
        listener.end_of(poison)
        starts.append(listener.loaded_at)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps[-1] > 1.0, gaps
    assert gaps[-1] > gaps[0]


def test_poison_does_not_starve_the_jobs_beside_it(pools):
    pool, listener = pools(APP, processes=2)
    ready(pool, listener, 2)
    for number in range(5):
        good = [code("answer = 'good'", f"good-{number}-{n}") for n in range(5)]
        pool.run([code("import os; os._exit(1)", f"poison-{number}"), *good])
        ends = [listener.next_end() for _ in range(6)]
        assert sum(isinstance(ending, Answered) for _, ending in ends) == 5


# --- leaks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_a_child_is_replaced_after_so_many_jobs_and_none_is_lost(pools, caplog, threads):
    caplog.set_level("INFO")
    meters = Meters()
    pool, listener = pools(APP, threads=threads, max_jobs_per_child=7, meters=meters)
    asked = [code("import os; answer = os.getpid()", f"j{number}") for number in range(30)]
    pool.run(asked)
    ends = [listener.next_end() for _ in asked]
    assert {task.job_id for task, _ in ends} == {task.job_id for task in asked}
    pids = [ending.response.body for _, ending in ends if isinstance(ending, Answered)]
    ran = [pids.count(pid) for pid in dict.fromkeys(pids)]
    assert (sum(ran), max(ran)) == (30, 7)
    assert len(ran) in (5, 6), "with several threads a child may have to leave one short"
    lines = [line for line in caplog.messages if re.fullmatch(r"child \d+ is replaced after [67] jobs, its .*", line)]
    assert len(lines) == 4
    assert meters.child_deaths == 0


def test_a_child_that_has_leaked_is_replaced_when_its_job_has_ended(pools, caplog):
    caplog.set_level("INFO")
    pool, listener = pools(APP, max_memory_per_child=200 << 20)
    pids = []
    for number in range(3):
        asked = code("import os; app.leak = b'x' * (300 << 20); answer = os.getpid()", f"leak-{number}")
        pool.run([asked])
        pids.append(listener.answer_of(asked).response.body)
    assert len(set(pids)) == 3
    wait_for(lambda: "over its max_memory_per_child" in caplog.text, what="the reason is told")


def test_a_child_within_its_memory_stays(pools):
    pool, listener = pools(APP, max_memory_per_child=1 << 30)
    assert still_works(pool, listener) == still_works(pool, listener)


def test_the_neighbours_of_the_last_job_end_in_peace_and_the_successor_does_not_wait_for_them(pools, tmp_path):
    pool, listener = pools(APP, threads=2, max_jobs_per_child=2)
    wait = f"import pathlib, time\nwhile not pathlib.Path('{tmp_path}/end').exists(): time.sleep(0.01)"
    slow, quick = code(wait, "slow"), code("import os; answer = os.getpid()", "quick")
    pool.run([slow, quick])
    first = int(listener.answer_of(quick).response.body)
    assert still_works(pool, listener) != first
    assert alive(first)
    (tmp_path / "end").touch()
    listener.answer_of(slow)
    wait_for(lambda: not alive(first), what="the child has ended")


def test_renewed_children_load_the_application_anew_and_what_runs_ends_in_the_old_one(pools, tmp_path, monkeypatch):
    module = tmp_path / "versioned.py"
    source = Path(__file__).with_name("testapp.py").read_text()
    module.write_text(source.replace('return ""', 'return "old"'))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    pool, listener = pools("versioned:app")
    running, noop = task(f"/until{tmp_path}/end", "running"), task("/noop", "noop")
    pool.run([running])
    begun(running)
    module.write_text("broken(\n")
    pool.renew()
    assert "SyntaxError" in str(listener.failures.get(timeout=20))
    module.write_text(source.replace('return ""', 'return "new"'))
    pool.renew()
    pool.run([noop])
    assert listener.answer_of(noop).response.body == b"new"
    (tmp_path / "end").touch()
    assert listener.answer_of(running).response.body == b"there it is"
