"""How the cost of a job grows, measured with real workers: a lost job ends the run, and nothing is left behind."""

import json
import os
import signal
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench_process import BENCH, GROWTH, alive, commands, run, running

# In one process of tests: they start many processes.
pytestmark = pytest.mark.xdist_group("peers")

CAME_UP_S = 60.0
ENDED_S = 40.0
CPU = {"cpu-client", "cpu-parent", "cpu-children", "cpu-emulator"}
RSS = {"rss-client", "rss-parent", "rss-children", "rss-emulator"}


def test_a_curve_is_measured_printed_saved_and_drawn(tmp_path: Path) -> None:
    picture, again, source = tmp_path / "first.svg", tmp_path / "again.svg", tmp_path / "run.json"
    done = run(GROWTH, "--only", "memory", "--most", "1000", "--json", "--picture", str(picture))
    assert done.returncode == 0, done.stderr
    (curve,) = json.loads(done.stdout)["curves"]
    (point,) = curve["points"]
    assert point["at"] == 1_000
    assert set(point["values"]) == {"rate", *CPU, *RSS}
    assert point["values"]["rate"] > 0
    assert all(point["values"][name] > 5 for name in RSS), point["values"]
    source.write_text(done.stdout)
    shown = run(GROWTH, "--from", str(source), "--picture", str(again))
    assert shown.returncode == 0, shown.stderr
    assert again.read_text() == picture.read_text()
    ET.fromstring(picture.read_text())


@pytest.mark.parametrize(
    ("fault", "timeout_s", "said"),
    [
        ("wrong:7", 20, "went wrong: job 7 gave 'done 8' instead of 'done 7'"),
        ("late:7", 2, "jobs have no result in time: 7"),
    ],
)
def test_a_job_that_is_wrong_or_late_ends_the_run_with_one_line(fault: str, timeout_s: int, said: str) -> None:
    done = run(GROWTH, "--only", "memory", "--most", "1000", "--timeout", str(timeout_s), "--fault", fault)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    told = [line for line in done.stderr.splitlines() if line.startswith("failed")]
    assert told == [done.stderr.splitlines()[-1]]
    assert told[0].startswith("failed: memory: ")
    assert said in told[0]


def test_jobs_that_wait_for_the_worker_are_drained_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from growing.scene import measured, sandbox
    from growing.stores import SQLITE
    from growing.work import Plan, Work

    monkeypatch.setenv("PYTHONPATH", str(BENCH))
    with sandbox(SQLITE, idle=True) as scene:
        assert scene.client.store.workers() == []
        found = measured(scene, Work(), Plan(200, 220, warm=20, waiting=True), 30.0)
        assert sum(scene.client.store.counts().values()) == 220
    assert set(found) == {"rate", *CPU, *RSS}
    assert found["rate"] > 0


def test_an_interrupted_run_leaves_no_process_behind() -> None:
    with running(GROWTH, "--only", "memory", "--most", "1000", "--fault", "late:0") as process:
        give_up = time.monotonic() + CAME_UP_S
        started: dict[int, str] = {}
        while not all(any(part in each for each in started.values()) for part in ("worker.child", "growing.client")):
            assert time.monotonic() < give_up, started
            started = commands(process.pid)
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(ENDED_S) == 130
        assert alive(started) == []
