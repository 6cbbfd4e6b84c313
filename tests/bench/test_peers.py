"""The race of pubsubctl and its peers, with real workers: whoever loses a job is named, and nothing is left behind."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench_process import PEERS, alive, commands, run, running

# In one process of tests: they start many processes, and are about time.
pytestmark = pytest.mark.xdist_group("peers")

LITTLE = ("--jobs", "60", "--singles", "5")
# The first job is 0, and 100 warm up: that is one of the 60.
NUMBER = 140
CAME_UP_S = 60.0
ENDED_S = 40.0


def test_all_jobs_come_back_and_the_figures_can_be_printed_saved_and_drawn(
    needed: Callable[[str], str], tmp_path: Path
) -> None:
    picture, again, source = tmp_path / "first.svg", tmp_path / "again.svg", tmp_path / "run.json"
    names = ["pubsubctl", needed("celery-durable"), needed("rq"), needed("dramatiq")]
    done = run(PEERS, "--only", *names, *LITTLE, "--json", "--picture", str(picture))
    assert done.returncode == 0, done.stderr
    medians = {figure["name"]: figure["medians"] for figure in json.loads(done.stdout)["figures"]}
    assert set(medians["rate"]) == {*names, "bare"}
    for name in ("rate", "p50", "p90", "p99", "rss", "pss"):
        assert all(medians[name][each] > 0 for each in names), (name, medians[name])
    assert set(medians["cpu-workers"]) == set(medians["cpu-server"]) == set(medians["cpu-client"]) == set(names)
    assert medians["cpu-workers"]["rq"] > 1_000  # processes that have ended count too: it forks for each job
    assert set(medians["cpu-parent"]) == {"pubsubctl"}
    source.write_text(done.stdout)
    shown = run(PEERS, "--from", str(source), "--picture", str(again))
    assert shown.returncode == 0, shown.stderr
    assert [line.split()[0] for line in shown.stdout.splitlines()[2:6]] == names
    assert again.read_text() == picture.read_text()
    ET.fromstring(picture.read_text())


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("pubsubctl", "wrong", f"1 of 60 went wrong: job {NUMBER} gave 'done {NUMBER + 1}' instead of 'done {NUMBER}'"),
        ("pubsubctl", "late", f"1 of 60 jobs have no result in time: {NUMBER}"),
        ("celery", "fail", f"1 of 60 went wrong: job {NUMBER} gave 'job {NUMBER} was to fail'"),
        ("rq-simple", "fail", f"1 of 60 went wrong: job {NUMBER} gave 'racing.noop.Unlucky: job {NUMBER} was to fail'"),
        ("dramatiq", "late", f"1 of 60 jobs have no result in time: {NUMBER}"),
    ],
)
def test_whoever_loses_a_job_is_named_and_the_run_has_failed(
    name: str, fault: str, said: str, needed: Callable[[str], str]
) -> None:
    done = run(PEERS, "--only", needed(name), *LITTLE, "--timeout", "3", "--fault", f"{fault}:{NUMBER}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"failed: {name}: {said}")


# Of RQ it is two workers, and what one of them forked for the job: those wait for it when they are to end.
@pytest.mark.parametrize(
    ("name", "program", "count"), [("pubsubctl", "pubsubctl.worker.child", 2), ("rq", "rq.cli", 3)]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_behind(
    name: str, program: str, count: int, number: signal.Signals, needed: Callable[[str], str]
) -> None:
    with running(PEERS, "--only", needed(name), *LITTLE, "--fault", "late:0") as process:
        started = wait_for(process, program, count)
        assert len(started) > count
        process.send_signal(number)
        process.send_signal(number)
        assert process.wait(ENDED_S) == 130
        assert alive(started) == []


def wait_for(process: subprocess.Popen[str], program: str, count: int) -> dict[int, str]:
    """All processes that were started, once so many of them run this program."""
    give_up = time.monotonic() + CAME_UP_S
    while True:
        found = commands(process.pid)
        if sum(program in command for command in found.values()) >= count:
            return found
        assert time.monotonic() < give_up, found
        assert process.poll() is None
        time.sleep(0.05)


def test_a_missing_redis_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import peers

    monkeypatch.setenv("PATH", str(tmp_path))
    notes: list[str] = []
    assert [each.name for each in peers.chosen(None, durable=True, notes=notes) if each.redis] == []
    assert any(note.startswith("celery: not measured; install") and "redis-server" in note for note in notes)
    asked = run(PEERS, "--only", "celery", environment={**os.environ, "PATH": str(tmp_path)})
    assert asked.returncode == 1
    assert asked.stderr.startswith("failed: celery cannot be measured here; install what it needs: ")
