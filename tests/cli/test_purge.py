"""purge: what ended long ago goes, its space too, and nobody who writes meanwhile waits for it."""

import re
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import lives
import pytest
from cli_project import only_line, wait_for
from terminal import Terminal

from pubsubctl.job import JobState, Reason

MANY = 20_000
NOW = ("--older-than", "0s")


def ended(store, path="/"):
    """One that was cancelled, one that failed, one that waits."""
    cancelled, failed, waiting = (lives.added(store, path) for _ in range(3))
    store.cancel([cancelled])
    lives.failed(store, failed, Reason.STATUS, status=404)
    return cancelled, failed, waiting


def left(store, *job_ids):
    return [job is not None for job in store.get(list(job_ids))]


def test_a_dry_run_tells_how_many_in_each_state_and_deletes_none(folder):
    assert folder.run("purge").returncode == 5, "there is no store, and none is made"
    jobs = ended(folder.store)
    done = folder.run("purge", *NOW, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "2 jobs would be purged, of those that ended 0.0 s ago or before: 1 failed, 1 cancelled\n"
    told = folder.json("purge", *NOW, "--dry-run", "--state", "failed")
    assert set(told) == {"older_than_s", "purged", "jobs", "counts", "store_bytes"}
    assert (told["purged"], told["jobs"]) == (False, 1)
    assert told["counts"] == {"succeeded": 0, "failed": 1, "cancelled": 0}
    assert all(left(folder.store, *jobs))


def test_what_has_ended_goes_and_what_waits_stays(folder):
    cancelled, failed, waiting = ended(folder.store)
    assert folder.run("purge", "--yes").stdout == "0 jobs purged, of those that ended 7 d 00 h ago or before\n"
    kept = folder.run("purge", "--yes", "--state", "failed", environment={"PUBSUBCTL_RESULT_TTL": "1h"})
    assert kept.stdout == "0 jobs purged, of those that ended 1 h 00 min ago or before\n"
    told = folder.json("purge", *NOW, "--yes", "--state", "succeeded,failed")
    assert (told["purged"], told["counts"]) == (True, {"succeeded": 0, "failed": 1, "cancelled": 0})
    assert left(folder.store, cancelled, failed, waiting) == [True, False, True]
    assert folder.store.response(failed) is None
    done = folder.run("purge", *NOW, "-y")
    assert done.stdout == "1 job purged, of those that ended 0.0 s ago or before: 1 cancelled\n"
    assert left(folder.store, cancelled, failed, waiting) == [False, False, True]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--state", "running"), "--state must be one of succeeded, failed, cancelled, not 'running'"),
        (("--older-than", "soon"), "--older-than must be a duration"),
    ],
)
def test_what_cannot_be_purged_is_told_in_a_line(folder, options, said):
    done = folder.run("purge", *options)
    assert done.returncode == 2
    assert said in only_line(done.stderr)


def test_without_a_terminal_it_asks_for_yes_where_there_is_something_to_delete(folder):
    jobs = ended(folder.store)
    assert folder.run("purge").returncode == 0
    done = folder.run("purge", *NOW)
    assert done.returncode == 2
    assert "add --yes to purge" in only_line(done.stderr)
    assert all(left(folder.store, *jobs))


@pytest.mark.parametrize("answer", ["n", "y"])
def test_on_a_terminal_it_is_a_question(folder, answer):
    jobs = ended(folder.store)
    terminal = Terminal(folder.command("purge", *NOW), folder.folder, folder.environment, columns=100)
    try:
        asked = terminal.read_until(lambda text: "[y/N]" in text)
        assert "2 jobs are deleted for good, with what was asked and answered. Purge? [y/N]" in asked
        terminal.type(f"{answer}\n".encode())
        assert terminal.wait() == (1 if answer == "n" else 0)
    finally:
        terminal.close()
    assert left(folder.store, *jobs) == [answer == "n"] * 2 + [True]


def test_of_many_the_file_is_smaller_afterwards_and_others_write_meanwhile(folder):
    lives.many_dead(folder.store, MANY)
    folder.store.reclaim()
    path = folder.folder / ".pubsubctl" / "jobs.db"
    process = start(folder, "purge", *NOW, "--yes", "--format", "json")
    waits = []
    while process.poll() is None:
        began = time.monotonic()
        lives.added(folder.store)
        waits.append(time.monotonic() - began)
        time.sleep(0.02)
    out, _ = process.communicate()
    assert f'"jobs": {MANY}' in out
    before, after = (int(number) for number in re.findall(r'"(?:before|after)": (\d+)', out))
    assert after < before / 5
    assert path.stat().st_size < before / 5
    assert len(waits) > 5
    assert max(waits) < 5, "nobody waits for all of it"
    assert folder.store.counts()[JobState.FAILED] == 0


def test_ctrl_c_ends_it_between_two_steps_and_it_says_how_far_it_came(folder):
    lives.many_dead(folder.store, MANY)
    process = start(folder, "purge", *NOW, "--yes")
    wait_for(lambda: folder.store.counts()[JobState.FAILED] < MANY, "it to begin")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    told = re.search(r"interrupted; ([\d,]+) jobs were purged and the rest is as it was; the same command goes on", err)
    assert told, err
    assert folder.store.counts()[JobState.FAILED] == MANY - int(told[1].replace(",", ""))
    assert folder.run("purge", *NOW, "--yes").returncode == 0
    assert folder.store.counts()[JobState.FAILED] == 0


def test_a_file_of_an_older_version_gives_its_space_back_when_it_is_written_anew(folder):
    lives.many_dead(folder.store, MANY)
    folder.store.close()
    del folder.store
    path = folder.folder / ".pubsubctl" / "jobs.db"
    with closing(sqlite3.connect(path)) as connection:  # as it was made before
        connection.executescript("PRAGMA journal_mode=DELETE; PRAGMA auto_vacuum=NONE; VACUUM; PRAGMA journal_mode=WAL")
    size = path.stat().st_size
    done = folder.run("purge", *NOW, "--yes")
    assert "by `pubsubctl purge --vacuum` alone" in only_line(done.stderr.splitlines(keepends=True)[-1])
    assert path.stat().st_size >= size
    asked = folder.run("purge", "--vacuum")
    assert (asked.returncode, path.stat().st_size >= size) == (2, True)
    lived = threading.Event()
    writer = threading.Thread(target=lambda: [lives.added(folder.store) for _ in iter(lived.is_set, True)])
    writer.start()
    try:
        done = folder.run("purge", "--vacuum", "--yes")
    finally:
        lived.set()
        writer.join(30)
    assert done.returncode == 0, done.stderr
    assert "until that is done, workers wait" in done.stderr
    assert re.search(r"^the file had [\d.]+ MB, and has ", done.stdout, re.MULTILINE)
    assert path.stat().st_size < size / 2
    space = folder.store.space()
    assert (space.by_pieces, space.free) == (True, 0)
    assert folder.store.counts()[JobState.QUEUED] > 0


def start(project, *arguments):
    return subprocess.Popen(
        project.command(*arguments),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
