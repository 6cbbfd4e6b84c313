"""``scripts/cloud-smoke`` on the rehearsed cloud: all of it passes, and whatever happens nothing is left behind."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cloudlike import PROJECT, Ran, Rehearsal, rehearsal
from smoking.checking import Check, CheckFailed, Lanes, Limit, Result, Row, Undecided
from smoking.sheet import scrubbed, sheet

pytestmark = pytest.mark.timeout(240)
SCRIPTS = Path(__file__).parents[2] / "scripts"
ADMIN = "roles/pubsub.admin"
ROWS = 10


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Rehearsal]:
    """One cloud for the runs that end early: each has an account of its own, and mends what it breaks."""
    with rehearsal(tmp_path_factory.mktemp("smoke")) as found:
        yield found


def command(*flags: str) -> list[str]:
    return [sys.executable, "-P", "-m", "smoking", *flags]


def environment(cloud: Rehearsal, temporary: Path) -> dict[str, str]:
    temporary.mkdir(exist_ok=True)
    # What is set for other jobs is not for these.
    others = {"PUBSUBCTL_TOPIC": "orders", "PUBSUBCTL_STORE": "orders.db"}
    return cloud.environment | others | {"PYTHONPATH": str(SCRIPTS), "TMPDIR": str(temporary)}


def run(cloud: Rehearsal, temporary: Path, *flags: str) -> Ran:
    done = subprocess.run(
        command(*flags),
        cwd=cloud.folder,
        env=environment(cloud, temporary),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(cloud: Rehearsal, temporary: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(*flags),
        cwd=cloud.folder,
        env=environment(cloud, temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said_until(process: subprocess.Popen[str], words: str) -> str:
    """Its lines on stderr up to one with these words."""
    assert process.stderr is not None
    lines = ""
    for line in process.stderr:
        lines += line
        if words in line:
            return lines
    raise AssertionError(f"it never said {words!r}: {lines}")


def there(cloud: Rehearsal, project: str = PROJECT) -> list[str]:
    """All topics and subscriptions that there are, by the way behind the cloud."""
    behind = {"PUBSUBCTL_BROKER": "embedded", "PUBSUB_EMULATOR_HOST": cloud.emulator}
    found: list[str] = []
    for kind in ("topics", "subscriptions"):
        done = cloud.run(kind, "list", "--project", project, "--format", "json", env=behind)
        assert done.code == 0, done.err
        found += [each["name"] for each in json.loads(done.out)]
    return found


def at_work_in(folder: Path) -> list[str]:
    """The processes that are in a folder."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_all_of_it_passes_and_nothing_is_left_behind(cloud, tmp_path):
    key = cloud.key("admin", ADMIN)
    (cloud.folder / "key.json").write_text(key.read_text())
    assert cloud.run("topics", "create", "orders").code == 0
    assert cloud.run("subscriptions", "create", "billing", "--topic", "orders").code == 0
    before = there(cloud)
    began = time.monotonic()
    done = run(cloud, tmp_path / "t", "--project", PROJECT, "--credentials-file", "admin.json", "--yes")
    print(f"{time.monotonic() - began:.1f} s\n{done.out}{done.err}")
    assert done.code == 0
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (\w+) \| ([\d.]+) \| (.+) \|$", done.out, re.MULTILINE)
    assert [(int(row[0]), row[2]) for row in rows] == [(number, "ok") for number in range(1, ROWS + 1)]
    seen = [row[4] for row in rows]
    for number, words in {
        1: r"setup [\d.]+ s \(5 there, Pub/Sub's roles: 2 granted\); worker ready in [\d.]+ s; submit --wait [\d.]+ s",
        2: r"60 messages; at most 10 in hand of 10 allowed",
        3: r"one result, of attempt 2, begun [1-9][\d.]* s after the first",
        4: r"one result, of attempt 2, begun [1-9][\d.]* s after kill -9",
        5: r"again after ([5-9]|\d\d)\.\d s; stale ack: no error; the message (came again|was gone)",
        6: r"again after ([5-9]|\d\d)\.\d s; stale ack: PERMANENT_FAILURE_INVALID_ACK_ID; the message came again",
        7: r"50 of one key in order; number 25 given back with \d+ behind it, and all came again in order",
        8: r"200 acks confirmed, 10 a call: p50 [\d.]+ ms, longest \d+ ms; \d+ refused; none came again within 30 s",
        9: r"5 nacks; CloudPubSubDeadLetterSource: DeliveryCount, Subscription, SubscriptionProject, TopicPublishTime",
        10: r"1,000 jobs, 1,000 results, each the right one; \d+ ran more than once; .* [\d,]+ jobs/s",
    }.items():
        assert re.search(words, seen[number - 1]), seen[number - 1]
    assert "## pubsubctl on Google Cloud Pub/Sub: 10 of 10 ok" in done.out
    assert re.search(r"google-cloud-pubsub 2\.\S+, grpcio 1\.\S+; pubsub.googleapis.com, project PROJECT", done.out)
    assert "What no emulator proves" in done.out
    for secret in (PROJECT, cloud.accounts.email("admin"), cloud.accounts.number, str(tmp_path), "admin.json"):
        assert secret not in done.out
    assert there(cloud) == before
    assert list((tmp_path / "t").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_cleans_up(shared, tmp_path, number):
    shared.key("interrupted", ADMIN)
    flags = ("--project", PROJECT, "--credentials-file", "interrupted.json", "--yes")
    with running(shared, tmp_path / "t", *flags) as process:
        said_until(process, "1 main job: ok")
        made = there(shared)
        assert sum("/topics/pubsubctl-smoke-" in name for name in made) == 9
        assert sum("/subscriptions/pubsubctl-smoke-" in name for name in made) == 10
        assert at_work_in(tmp_path)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "scripts/cloud-smoke: interrupted"
    assert there(shared) == []
    assert at_work_in(tmp_path) == []
    assert list((tmp_path / "t").iterdir()) == []


def test_what_is_kept_is_named_with_the_commands_that_delete_it(shared, tmp_path):
    """On an emulator, which is where ``--emulator`` leads."""
    with running(shared, tmp_path / "t", "--emulator", shared.emulator, "--yes", "--keep") as process:
        said_until(process, "1 main job: ok")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    kept = there(shared, "pubsubctl-local")
    assert len(kept) == 19
    assert err.count("  gcloud pubsub ") == len(kept)
    assert "the folder is kept: " in err
    behind = {"PUBSUBCTL_BROKER": "embedded", "PUBSUB_EMULATOR_HOST": shared.emulator}
    for kind in ("subscriptions", "topics"):
        words = re.findall(rf"^  gcloud pubsub {kind} delete (\S+) --project=pubsubctl-local$", err, re.MULTILINE)
        done = shared.run(kind, "delete", *words, "--project", "pubsubctl-local", "--yes", env=behind)
        assert done.code == 0, done.err
    assert there(shared, "pubsubctl-local") == []


def test_who_may_create_nothing_is_told_so_in_one_line(shared, tmp_path):
    shared.key("looker", "roles/pubsub.viewer")
    done = run(shared, tmp_path / "t", "--project", PROJECT, "--credentials-file", "looker.json", "--yes")
    assert (done.code, done.out) == (1, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("scripts/cloud-smoke: ")]
    assert "pubsub.topics.create" in line
    assert done.err.endswith(f"{line}\n")
    assert "gcloud pubsub" not in done.err, "there is nothing to delete"
    assert there(shared) == []


def test_what_cannot_be_deleted_is_left_with_the_commands_that_do(shared, tmp_path):
    shared.key("halfway", ADMIN)
    shared.cloud.refused |= {"CreateSubscription", "DeleteTopic", "DeleteSubscription"}
    try:
        done = run(shared, tmp_path / "t", "--project", PROJECT, "--credentials-file", "halfway.json", "--yes")
    finally:
        shared.cloud.refused.clear()
    assert (done.code, done.out) == (5, ""), done.err
    assert (
        "the quota pubsub.googleapis.com/regionalpublisher of project acme-prod is used up" in done.err.splitlines()[-1]
    )
    commands = re.findall(rf"^  gcloud pubsub topics delete (\S+) --project={PROJECT}$", done.err, re.MULTILINE)
    left = there(shared)
    assert sorted(left) == sorted(f"projects/{PROJECT}/topics/{name}" for name in commands)
    assert len(left) == 2
    shared.key_to_use("cleaner", ADMIN)
    assert shared.run("topics", "delete", *commands, "--yes").code == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "name the Google Cloud project with --project"),
        (("--project", PROJECT), "there is no terminal to ask on; add --yes"),
        (("--project", "No Project", "--yes"), "is no project id"),
        (("--emulator", "127.0.0.1:1", "--endpoint", "e.googleapis.com"), "an emulator asks for no credentials"),
        (("--project", PROJECT, "--yes", "--nonsense"), "unrecognized arguments: --nonsense"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(shared, tmp_path, flags, words):
    done = run(shared, tmp_path / "t", *flags)
    assert (done.code, done.out) == (2, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("scripts/cloud-smoke: ")]
    assert words in line
    assert list((tmp_path / "t").iterdir()) == []


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 5)])
def test_on_a_terminal_it_asks_and_takes_no_for_an_answer(shared, tmp_path, answer, code):
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb+", buffering=0) as terminal:
        process = subprocess.Popen(
            command("--emulator", "127.0.0.1:1"),
            cwd=shared.folder,
            env=environment(shared, tmp_path / "t"),
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        with process:
            said = b""
            while b"[y/N]" not in said:
                said += terminal.read(1024)
            terminal.write(f"{answer}\n".encode())
            with contextlib.suppress(OSError):  # Linux's way to say that nobody is at its other end any more
                while more := terminal.read(1024):
                    said += more
    assert process.returncode == code
    assert b"9 topics: pubsubctl-smoke-" in said
    assert (b"nothing was done" in said) == (answer == "n")


def test_a_service_that_cannot_be_reached(shared, tmp_path):
    done = run(shared, tmp_path / "t", "--emulator", "127.0.0.1:1", "--yes")
    assert (done.code, done.out) == (5, "")
    assert done.err.splitlines()[-1].startswith("scripts/cloud-smoke: no broker answers at 127.0.0.1:1")


def test_help_says_what_no_emulator_proves_and_what_is_not_checked(shared, tmp_path):
    done = run(shared, tmp_path / "t", "--help")
    assert (done.code, done.err) == (0, "")
    for words in ("What no emulator proves", "Not checked here", "--project", "--emulator", "Exit status 0"):
        assert words in done.out


def test_a_table_of_an_emulator_says_so_and_tells_nobodys_secrets():
    seen = scrubbed(
        "no topic projects/acme-prod/topics/t for a@acme-prod.iam.gserviceaccount.com\nof 123456789012; acme-prod-2",
        [("acme-prod", "PROJECT")],
    )
    assert seen == "no topic projects/PROJECT/topics/t for ACCOUNT of NUMBER; acme-prod-2"
    rows = [Row(1, "main job", Result.OK, 1.0, "a | b"), Row(6, "stale ack", Result.FAILED, 2.0, seen)]
    text = sheet(rows, endpoint="127.0.0.1:1", emulator=True, took_s=3.0)
    assert "## pubsubctl on an emulator: 1 of 2 ok" in text
    assert "127.0.0.1:1 (emulator), project PROJECT" in text
    assert "| 1 | main job | ok | 1.0 | a \\| b |" in text
    assert f"| 6 | stale ack (emulator) | FAILED | 2.0 | {seen} |" in text


def test_a_check_that_fails_or_takes_too_long_is_a_row_and_takes_no_other_with_it():
    def never(limit: Limit) -> str:
        while True:
            limit.pause(0.01, "a thing")

    def fails(_: Limit) -> str:
        raise CheckFailed("three")

    def cannot(_: Limit) -> str:
        raise Undecided("no role")

    def breaks(_: Limit) -> str:
        raise KeyError("x")

    told: list[Row] = []
    lanes = Lanes(told.append)
    lanes.run(
        [
            [Check(1, "a", 0.1, never), Check(2, "b", 5, lambda _: "seen")],
            [Check(5, "e", 5, breaks), Check(3, "c", 5, fails), Check(4, "d", 5, cannot)],
        ]
    )
    assert [(row.number, str(row.result), row.seen) for row in lanes.rows] == [
        (1, "FAILED", "not within 0.1 s: a thing"),
        (2, "ok", "seen"),
        (3, "FAILED", "three"),
        (4, "unsure", "no role"),
        (5, "FAILED", "KeyError: 'x'"),
    ]
    assert len(told) == len(lanes.rows)
