"""dlq: what was given up on is found, understood, tried again; however much of it there is."""

import json
import re
import subprocess
import sys
import time

import lives
import pytest
from cli_project import only_line, wait_for
from terminal import Terminal

from pubsubctl.job import JobState, Reason

MANY = 12_000


def ids(project, *options):
    done = project.run("dlq", "list", *options, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


def test_only_what_was_given_up_on_is_listed_newest_first(served):
    store = served.store
    assert served.run("dlq", "list").stderr == "no dead letters\n"
    first, second = lives.dead(store, "/a"), lives.dead(store, "/b", Reason.EXHAUSTED)
    answered = lives.added(store)
    lives.failed(store, answered, Reason.STATUS, status=404)
    lives.added(store)
    assert ids(served) == [second, first]
    lines = served.run("dlq", "list").stdout.splitlines()
    assert re.fullmatch(rf"{second}  exhausted +1 +\S+ s  POST /b +it went wrong", lines[0])
    found = served.json("dlq", "list")
    assert ([job["reason"] for job in found["dead_letters"]], found["next_cursor"]) == (["exhausted", "timeout"], None)


def test_filters(idle):
    store = idle.store
    batch_id = "batch-filters"
    slow = lives.dead(store, "/filters/a?x=1", batch_id=batch_id)
    crashed = lives.dead(store, "/filters/b", Reason.CRASHED)
    assert ids(idle, "--path", "/filters/*") == [crashed, slow]
    assert ids(idle, "--path", "/filters/?") == [crashed]
    assert ids(idle, "--path", "/filters/*", "--reason", "timeout,exhausted") == [slow]
    assert ids(idle, "--path", "/filters/*", "--reason", "timeout", "--reason", "crashed") == [crashed, slow]
    assert ids(idle, "--batch", batch_id) == [slow]
    assert ids(idle, "--path", "/filters/*", "--newer-than", "1h") == [crashed, slow]
    assert ids(idle, "--path", "/filters/*", "--older-than", "1h") == []


def test_pages_neither_repeat_nor_skip(idle):
    expected = [lives.dead(idle.store, "/pages") for _ in range(5)][::-1]
    found, cursor = [], []
    for _ in range(3):
        page = idle.json("dlq", "list", "--path", "/pages", "--limit", "2", *cursor)
        found += [job["id"] for job in page["dead_letters"]]
        cursor = ["--cursor", page["next_cursor"]]
    assert found == expected
    assert page["next_cursor"] is None
    told = idle.run("dlq", "list", "--path", "/pages", "--limit", "2").stderr
    assert (
        ids(idle, "--path", "/pages", *re.search(r"there are more:\n  (--cursor \S+)\n", told)[1].split())
        == expected[2:]
    )


def test_a_cursor_that_is_none_is_one_line(idle):
    done = idle.run("dlq", "list", "--cursor", "nonsense!")
    assert done.returncode == 1
    assert "is no cursor" in only_line(done.stderr)


def test_one_in_full_masks_credentials_and_says_how_to_replay(idle):
    headers = [("Authorization", "Bearer s3cret"), ("Content-Type", "application/json")]
    job_id = lives.dead(idle.store, "/full?a=1", headers=headers, body=b'{"a": 1}', log="one\nTraceback\x1b[31m")
    done = idle.run("dlq", "show", job_id)
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("POST /full?a=1", "authorization: ***", '  {"a": 1}', "  Traceback\ufffd[31m", "it went wrong"):
        assert part in done.stdout.splitlines(), done.stdout
    assert done.stdout.endswith(f"\npubsubctl dlq replay {job_id}\n")
    found = idle.json("dlq", "show", job_id)
    assert found["request"]["headers"] == [["authorization", "***"], ["content-type", "application/json"]]
    assert (found["log"], found["request"]["body_bytes"]) == ("one\nTraceback\x1b[31m", 8)


def test_what_is_no_dead_letter_is_one_line(idle):
    waiting = lives.added(idle.store)
    done = idle.run("dlq", "show", waiting)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"job {waiting} is no dead letter (queued); `pubsubctl explain {waiting}`" in only_line(done.stderr)
    assert "no job 'nope'" in only_line(idle.run("dlq", "show", "nope").stderr)


def test_replayed_it_runs_again_with_its_history(served):
    worker = served.start_worker("-p", "1")
    done = served.run("submit", "/broken", "--max-attempts", "1", "--wait", "--format", "jsonl")
    job_id = json.loads(done.stdout)["id"]
    assert ids(served) == [job_id]
    (served.folder / "part").touch()
    assert served.run("dlq", "replay", job_id).stdout == f"{job_id} queued again (it was failed)\n"
    wait_for(lambda: served.store.get([job_id])[0].state is JobState.SUCCEEDED, "it to be mended")
    assert ids(served) == []
    told = [event["kind"] for event in served.json("explain", job_id)["events"]]
    assert [kind for kind in told if kind in {"began", "retried"}] == ["began", "retried", "began"]
    assert served.stop_worker(worker) == 0


def test_replaying_by_filter_asks_and_leaves_the_rest(served):
    store = served.store
    slow, crashed = lives.dead(store, "/a"), lives.dead(store, "/a", Reason.CRASHED)
    asked = served.run("dlq", "replay", "--path", "/a")
    assert asked.returncode == 2
    assert "add --yes to retry" in only_line(asked.stderr)
    tried = served.run("dlq", "replay", "--reason", "timeout", "--dry-run")
    assert (tried.stdout, tried.stderr) == (
        f"{slow} would be queued again (it is failed)\n",
        "1 job would be queued again\n",
    )
    assert served.run("dlq", "replay", "--reason", "timeout", "--yes").stdout == "1 job queued again\n"
    assert ids(served) == [crashed]


def test_a_message_that_was_no_job_runs_when_it_is_replayed_to_a_worker_that_knows_its_route(served):
    worker = served.start_worker("-p", "1")
    published = ["topics", "publish", "pubsubctl-requests", "--message", "body", "--attribute", "any=thing"]
    job_id = f"msg-{served.run(*published).stdout.strip()}"
    wait_for(lambda: ids(served) == [job_id], "it to be kept")
    assert served.run("dlq", "show", job_id).stdout.endswith(f"\npubsubctl dlq replay {job_id}\n")
    assert served.stop_worker(worker) == 0
    worker = served.start_worker("-p", "1", "--route", "POST /echo")
    assert served.run("dlq", "replay", "--reason", "malformed", "--yes").stdout == "1 job queued again\n"
    wait_for(lambda: served.store.get([job_id])[0].state is JobState.SUCCEEDED, "it to run")
    assert served.run("result", job_id).stdout == "body"
    assert served.stop_worker(worker) == 0


def test_what_is_no_dead_letter_is_not_replayed(idle):
    answered, gone, dead = lives.added(idle.store), lives.added(idle.store), lives.dead(idle.store)
    lives.failed(idle.store, answered, Reason.STATUS, status=404)
    idle.store.cancel([gone])
    done = idle.run("dlq", "replay", answered, gone, dead)
    assert (done.returncode, done.stdout) == (1, f"{dead} queued again (it was failed)\n")
    told = done.stderr.splitlines()[-1]
    assert f"job {answered} is no dead letter (failed, status); `pubsubctl retry {answered}` queues it again" in told
    assert f"job {gone} is no dead letter (cancelled); `pubsubctl retry {gone}` queues it again" in told
    assert [str(job.state) for job in idle.store.get([answered, gone])] == ["failed", "cancelled"]


def test_purging_by_filter_asks_says_how_many_and_leaves_the_rest(idle):
    store = idle.store
    slow, crashed = lives.dead(store, "/purged", log="why"), lives.dead(store, "/purged", Reason.CRASHED)
    answered = lives.added(store, "/purged")
    lives.failed(store, answered, Reason.STATUS, status=404)
    asked = idle.run("dlq", "purge", "--path", "/purged")
    assert asked.returncode == 2
    assert "add --yes to purge" in only_line(asked.stderr)
    tried = idle.run("dlq", "purge", "--path", "/purged", "--reason", "timeout", "--dry-run")
    assert (tried.stdout, tried.stderr) == (
        f"{slow} would be purged (timeout)\n",
        "1 dead letter would be purged\n",
    )
    assert set(ids(idle, "--path", "/purged")) == {slow, crashed}
    done = idle.run("dlq", "purge", "--path", "/purged", "--reason", "timeout", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 dead letter purged\n", "")
    assert ids(idle, "--path", "/purged") == [crashed]
    assert (store.get([slow]), store.request(slow), store.history(slow)) == ([None], None, [])
    assert idle.json("dlq", "purge", "--path", "/purged", "--yes") == [
        {"id": crashed, "reason": "crashed", "purged": True}
    ]
    nothing = idle.run("dlq", "purge", "--path", "/purged", "--yes")
    assert (nothing.returncode, nothing.stdout) == (0, "0 dead letters purged\n")
    assert nothing.stderr == "there is no such dead letter\n"
    assert store.get([answered])[0] is not None, "an answer is no dead letter"


def test_purging_by_id_takes_dead_letters_alone(idle):
    store = idle.store
    dead, waiting = lives.dead(store), lives.added(store)
    assert idle.run("dlq", "purge", dead).returncode == 2
    done = idle.run("dlq", "purge", dead, waiting, "--yes")
    assert (done.returncode, done.stdout) == (1, f"{dead} purged (timeout)\n")
    assert f"no dead letter: {waiting} (queued)" in only_line(done.stderr)
    assert store.get([dead]) == [None]
    assert store.get([waiting])[0] is not None
    assert f"no job {dead!r}" in only_line(idle.run("dlq", "purge", dead, "--yes").stderr)


@pytest.mark.parametrize(("answer", "left"), [("n", True), ("", True), ("y", False)])
def test_on_a_terminal_purging_is_a_question(idle, answer, left):
    dead = lives.dead(idle.store, "/asked")
    terminal = Terminal(idle.command("dlq", "purge", dead), idle.folder, idle.environment, columns=80)
    try:
        asked = terminal.read_until(lambda text: "[y/N]" in text)
        assert "1 dead letter is deleted for good. Purge? [y/N]" in asked
        terminal.type(f"{answer}\n".encode())
        assert terminal.wait() == (1 if left else 0)
    finally:
        terminal.close()
    assert (idle.store.get([dead])[0] is not None) is left


def test_what_is_given_up_while_it_is_asked_is_not_purged(idle):
    dead = lives.dead(idle.store, "/while")
    terminal = Terminal(idle.command("dlq", "purge", "--path", "/while"), idle.folder, idle.environment, columns=80)
    try:
        terminal.read_until(lambda text: "1 dead letter is deleted for good. Purge? [y/N]" in text)
        later = lives.dead(idle.store, "/while")
        terminal.type(b"y\n")
        assert terminal.wait() == 0
        assert "1 dead letter purged" in terminal.screen.text
    finally:
        terminal.close()
    assert [job is None for job in idle.store.get([dead, later])] == [True, False]


def test_no_other_takes_the_place_of_one_that_is_gone_while_it_is_asked(idle):
    oldest, older, newest = [lives.dead(idle.store, "/limited") for _ in range(3)]
    command = idle.command("dlq", "purge", "--path", "/limited", "--limit", "2")
    terminal = Terminal(command, idle.folder, idle.environment, columns=80)
    try:
        terminal.read_until(lambda text: "2 dead letters are deleted for good. Purge? [y/N]" in text)
        idle.store.retry([newest])
        terminal.type(b"y\n")
        assert terminal.wait() == 0
        assert "1 dead letter purged" in terminal.screen.text
    finally:
        terminal.close()
    assert [job is None for job in idle.store.get([oldest, older, newest])] == [False, True, False]


def measured(project, *arguments):
    """The exit code, the output and the peak in kB of a command."""
    # Linux hands the peak of a process on to what it starts, so a small one stands between this one and the command.
    between = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:]).returncode\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", between, *project.command(*arguments)],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    code, peak = map(int, done.stderr.splitlines()[-1].split())
    return code, done.stdout, peak


def test_many_are_listed_and_replayed_in_little_memory_while_others_write(served):
    lives.many_dead(served.store, MANY)
    code, out, peak = measured(served, "dlq", "list", "--format", "json")
    assert code == 0
    assert len(json.loads(out)["dead_letters"]) == MANY
    assert peak < 120_000, "kB"
    replay = subprocess.Popen(
        served.command("dlq", "replay", "--all", "--yes"),
        cwd=served.folder,
        env=served.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    waits = []
    while replay.poll() is None:
        began = time.monotonic()
        lives.added(served.store)
        waits.append(time.monotonic() - began)
        time.sleep(0.02)
    out, _ = replay.communicate()
    assert out == f"{MANY:,} jobs queued again\n"
    assert max(waits) < 5, "nobody waits for all of it"
    assert served.store.counts()[JobState.FAILED] == 0


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_no_line_is_broken(idle, columns):
    lives.dead(idle.store, "/" + "日本" * 60)
    for arguments in (("dlq", "list", "--limit", "5"), ("status",)):
        terminal = Terminal(idle.command(*arguments), idle.folder, idle.environment, columns=columns)
        try:
            assert terminal.wait() == 0  # a line that wraps is an error of the screen
            assert "…" in terminal.screen.text
        finally:
            terminal.close()


def test_status_counts_them_and_says_where_they_are(served):
    assert served.json("status")["dead_letters"] == {"count": 0, "more": False}
    lives.dead(served.store)
    assert served.json("status")["dead_letters"] == {"count": 1, "more": False}
    assert re.search(r"^dead letters +1; `pubsubctl dlq list` shows them$", served.run("status").stdout, re.MULTILINE)
    lives.many_dead(served.store, 1100)
    assert served.json("status")["dead_letters"] == {"count": 1000, "more": True}
