"""The live displays on a real terminal: nothing wraps, nothing jumps, nothing is left behind."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace

import lives
import pytest
from terminal import Terminal

from pubsubctl.job import JobState

WIDTHS = (80, 200)


@pytest.fixture
def on_terminal(project) -> Iterator:
    opened = []

    def start(*arguments, columns=80, rows=24, environment=None, at=project):
        terminal = Terminal(
            at.command(*arguments), at.folder, at.environment | (environment or {}), columns=columns, rows=rows
        )
        opened.append(terminal)
        return terminal

    yield start
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("columns", WIDTHS)
def test_one_job(on_terminal, columns):
    path = "/slow?s=1.5&markup=[red]" + "日本" * 100
    terminal = on_terminal("submit", path, "--wait", columns=columns)
    shown = terminal.read_until(lambda text: "%" in text and "step" in text)
    state, progress = shown.splitlines()[:2]
    assert re.fullmatch(r"running +GET /slow\?s=1.5&markup=\[red\]日本.*… +attempt 1 +\d\.\d s", state)
    assert re.fullmatch(r"━*─* +\d+%  step \d+ \[bold\]of\ufffd\[31m wide .*…", progress)
    assert terminal.wait() == 0
    lines = terminal.screen.text.splitlines()
    assert lines[0].startswith("job ")
    assert lines[1:] == ["slow"], "the display is gone, the body is there"
    assert terminal.screen.column == 0, "the prompt comes on a line of its own"


def test_a_binary_body_stays_off_the_terminal(on_terminal):
    terminal = on_terminal("submit", "/bytes", "--wait")
    assert terminal.wait() == 0
    assert terminal.screen.text.splitlines()[1:] == ["binary body of 256 bytes; use -o FILE, or redirect"]


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_narrow_encoding_breaks_no_line(on_terminal, count):
    narrow = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    path = "/slow?s=1.5&x=" + "x" * 100
    terminal = on_terminal("submit", path, "--count", count, "--wait", environment=narrow)
    shown = terminal.read_until(lambda text: "%" in text and "step" in text)
    assert re.search(r"step \d+ \[bold\]of\?\[31m wide [? ]*~$", shown, re.MULTILINE), shown
    assert re.search(r"GET /slow\?s=1.5&x=x+~", shown), shown
    assert terminal.wait() == 0
    assert not any("\\u" in frame for frame in terminal.frames)


@pytest.mark.parametrize("columns", WIDTHS)
def test_many_jobs(project, on_terminal, columns):
    requests = [{"path": "/missing"}] * 3 + [{"path": "/slow?s=1&x=" + "é[/]" * 50}] * 8 + [{"path": "/"}] * 20
    (project.folder / "many.jsonl").write_text("\n".join(map(json.dumps, requests)))
    terminal = on_terminal("submit", "--from", "many.jsonl", "--wait", columns=columns)
    shown = terminal.read_until(lambda text: "step" in text and "404" in text)
    head, bar, counts, *rest = shown.splitlines()
    assert re.match(r"\d+ of 31 ended  .*batch-", head)
    assert re.fullmatch(r"━*─+ +\d+%", bar)
    assert re.search(r"queued \d+  running \d+  succeeded \d+  failed [1-3]", counts)
    assert any(re.search(r"GET /slow.*…? +━*─+ +\d+% +\d\.\d s", line) for line in rest)
    assert terminal.wait() == 3
    lines = terminal.screen.text.splitlines()
    assert re.fullmatch(r"batch-\w+: 31 jobs in .* s: 28 succeeded, 3 failed", lines[0])
    assert len(lines) == 5, "the display is gone, the summary is there"


def test_counts_never_lie(project, on_terminal):
    (project.folder / "fast.jsonl").write_text('{"path": "/"}\n' * 400)
    terminal = on_terminal("submit", "--from", "fast.jsonl", "--wait")
    assert terminal.wait() == 0
    seen = [re.search(r"(\d+) of (\d+) ended", frame) for frame in terminal.frames]
    ended = [int(match[1]) for match in seen if match]
    assert {int(match[2]) for match in seen if match} <= {400}
    assert ended
    assert ended == sorted(ended)
    for frame in terminal.frames:
        counted = re.search(r"(\d+) of 400 ended", frame), re.search(r"succeeded (\d+)", frame)
        assert not all(counted) or counted[0][1] == counted[1][1]


def test_interrupt_ends_the_waiting_and_not_the_jobs(project, on_terminal):
    terminal = on_terminal("submit", "/slow?s=2", "--count", "2", "--wait")
    terminal.read_until(lambda text: "step" in text)
    terminal.interrupt()
    assert terminal.wait() == 130
    batch_id = re.search(
        r"pubsubctl: interrupted; the jobs go on:\n  pubsubctl status (\S+) --watch\n$", terminal.screen.text
    )[1]
    watching = on_terminal("status", batch_id, "--watch", columns=200)
    assert watching.wait() == 0
    assert "2 jobs: 2 succeeded" in watching.screen.text


def test_watching_everything_until_interrupted(project, on_terminal):
    project.run("submit", "/slow?s=5", "--count", "3")
    terminal = on_terminal("status", "--watch", rows=20)
    terminal.read_until(lambda text: "step" in text and "slots busy" in text)
    assert all(len(frame.splitlines()) <= 20 for frame in terminal.frames)
    terminal.interrupt()
    assert terminal.wait() == 130
    running = [job.id for job in project.store.find(states=[JobState.RUNNING, JobState.QUEUED]).jobs]
    project.store.cancel(running)
    assert "interrupted" in terminal.screen.text


def test_watching_a_job_until_it_has_ended(project, on_terminal):
    job_id = project.run("submit", "/slow?s=3").stdout.strip()
    terminal = on_terminal("status", job_id, "--watch")
    terminal.read_until(lambda text: "step" in text)
    assert terminal.wait() == 0
    assert re.search(r"state +succeeded", terminal.screen.text)


def test_a_job_whose_worker_is_gone_says_so_and_when_it_begins_again(served, on_terminal):
    store = served.store
    store.heartbeat(replace(lives.WORKER, host=socket.gethostname(), pid=2**22 - 1), [], lease_s=60)
    job_id = lives.added(store, "/held")
    lives.begun(store, job_id)
    terminal = on_terminal("status", job_id, "--watch", at=served)
    clock = r"\d\d:\d\d:\d\d UTC"
    says = rf"^its worker is gone since {clock}; it begins again by {clock}\nno worker is running; "
    terminal.read_until(lambda text: re.search(says, text, re.MULTILINE))
    store.heartbeat(replace(lives.WORKER, id="other", host=socket.gethostname()), [], lease_s=60)  # process 1 lives
    terminal.read_until(lambda text: "is gone since" in text and "no worker is running" not in text)
    store.heartbeat(lives.WORKER, [], lease_s=60)
    terminal.read_until(lambda text: "is gone since" not in text)
    terminal.interrupt()
    assert terminal.wait() == 130


def test_a_small_terminal_is_enough(project, on_terminal):
    (project.folder / "few.jsonl").write_text('{"path": "/missing"}\n' * 8 + '{"path": "/slow?s=0.5"}\n' * 12)
    terminal = on_terminal("submit", "--from", "few.jsonl", "--wait", columns=44, rows=8)
    terminal.read_until(lambda text: "step" in text or "failed 8" in text)
    assert terminal.wait() == 3
    live = [frame for frame in terminal.frames if " ended" in frame]
    assert live
    assert max(len(frame.splitlines()) for frame in live) <= 8


def test_no_colour_when_it_is_not_wanted(project, on_terminal):
    coloured, plain = on_terminal("status"), on_terminal("status", environment={"NO_COLOR": "1"})
    styles = []
    for terminal in (coloured, plain):
        seen = []
        terminal.screen._sequence = lambda numbers, kind, seen=seen: seen.append(numbers)
        assert terminal.wait() == 0
        styles.append({number for one in seen for number in one.split(";") if number.startswith("3")})
    assert styles[0]
    assert not styles[1]
