"""setup, emulator, worker start, demo: what is started, what is said."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

from cli_project import only_line, wait_for

from pubsubctl.broker.connection import Connection
from pubsubctl.settings import Settings
from pubsubctl.store.opening import open_store


def test_a_dry_run_starts_and_makes_nothing(folder):
    done = folder.run("setup", "--dry-run")
    assert done.returncode == 0
    assert "not running; it would be started" in done.stdout
    assert done.stdout.count("would be created") == 5
    assert list((folder.folder / ".pubsubctl").iterdir()) == []


def test_setup_may_be_repeated(folder):
    first, second = folder.run("setup"), folder.run("setup")
    assert (first.returncode, second.returncode) == (0, 0)
    assert re.match(r"started the emulator at 127\.0\.0\.1:\d+ \(pid \d+\)", first.stderr)
    assert first.stdout.count("  created") == 5
    assert "started" not in second.stderr
    assert second.stdout.count("  exists") == 5
    assert second.stderr.splitlines() == [
        "next:",
        "  pubsubctl worker start APP",
        "and in another terminal:",
        "  pubsubctl submit POST /path --wait",
    ]
    assert max(map(len, first.stderr.splitlines())) <= 80
    assert (folder.folder / ".pubsubctl" / "jobs.db").exists()


def test_drift_is_shown_and_repaired_when_asked(served):
    drifted = served.run("setup", "--ack-deadline", "30")
    assert drifted.returncode == 0
    assert "ack_deadline_seconds is 60, should be 30" in drifted.stdout
    found = served.json("setup", "--ack-deadline", "30", "--apply-drift")
    assert found["steps"][-1]["differences"] == {"ack_deadline_seconds": {"was": "60", "wanted": "30"}}
    assert found["steps"][-1]["done"] is True
    assert served.run("setup", "--ack-deadline", "30").stdout.count("  exists") == 5


def test_drift_that_is_left_is_not_called_done(served):
    found = served.json("setup", "--ack-deadline", "30")
    assert [step["done"] for step in found["steps"]] == [True, True, True, True, False]


def test_what_was_once_asked_for_is_no_drift(served):
    served.run("setup", "--ack-deadline", "120", "--max-delivery-attempts", "7", "--apply-drift")
    assert served.run("setup").stdout.count("  exists") == 5
    other = served.run("setup", "--max-delivery-attempts", "8")
    assert "7 attempts" in other.stdout
    assert "ack_deadline" not in other.stdout
    from_environment = served.run("setup", environment={"PUBSUBCTL_ACK_DEADLINE": "60"})
    assert "ack_deadline_seconds is 120, should be 60" in from_environment.stdout


def test_what_can_never_be_had_is_an_error_with_a_way_out(served):
    done = served.run("setup", "--ack-deadline", "30", "--message-filter", 'attributes.method = "GET"')
    assert done.returncode == 1
    assert "can never be changed" in done.stdout
    assert re.fullmatch(
        r"pubsubctl: subscription \S+ exists and can never become what is asked for; "
        r"delete it, or name another with --subscription",
        only_line(done.stderr),
    )


def test_every_flag_reaches_the_subscription(folder):
    flags = ["--topic", "orders", "--subscription", "order-workers", "--dead-letter-topic", "lost"]
    flags += ["--dead-letter-subscription", "found", "--max-delivery-attempts", "7", "--min-retry-delay", "2s"]
    flags += ["--max-retry-delay", "5m", "--message-retention-duration", "1d", "--enable-message-ordering"]
    made = folder.json("setup", *flags)
    project = "projects/pubsubctl-local"
    assert [(step["name"], step["action"], step["done"]) for step in made["steps"]] == [
        (f"{project}/topics/orders", "create", True),
        (f"{project}/topics/lost", "create", True),
        (f"{project}/subscriptions/found", "create", True),
        (f"{project}/subscriptions/order-workers-returned", "create", True),
        (f"{project}/subscriptions/order-workers", "create", True),
    ]
    other = ["--max-delivery-attempts", "8", "--min-retry-delay", "3s", "--message-retention-duration", "90000s"]
    changed = folder.json("setup", "--dry-run", *flags[:6], *other, "--enable-exactly-once-delivery")
    differences = changed["steps"][-1]["differences"]
    assert differences == {
        "dead_letter_policy": {
            "was": "projects/pubsubctl-local/topics/lost, 7 attempts",
            "wanted": "projects/pubsubctl-local/topics/lost, 8 attempts",
        },
        "retry_policy": {"was": "2s to 300s", "wanted": "3s to 300s"},
        "message_retention_duration": {"was": "1 day", "wanted": "90000s"},
        "enable_exactly_once_delivery": {"was": "False", "wanted": "True"},
    }
    with Connection(Settings.load({"topic": "orders"}, environ={}, start=folder.folder)) as connection:
        made = connection.subscriber.get_subscription(
            subscription="projects/pubsubctl-local/subscriptions/order-workers"
        )
    assert made.enable_message_ordering


def test_the_emulator_is_started_found_and_stopped(folder):
    started = folder.json("emulator", "start")
    assert folder.json("emulator", "status") == folder.json("emulator", "start") == started
    environment = folder.run("emulator", "env").stdout
    assert environment.splitlines()[0] == f"export PUBSUB_EMULATOR_HOST={started['address']}"
    assert folder.run("emulator", "stop").stdout == "stopped\n"
    done = folder.run("emulator", "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no emulator runs" in done.stderr
    assert folder.run("emulator", "stop").stdout == "none was running\n"


def test_the_emulator_in_the_foreground(folder, tmp_path):
    command = subprocess.Popen(
        folder.command(
            "emulator", "start", "--foreground", "--host-port", "127.0.0.1:0", "--data-dir", str(tmp_path / "d")
        ),
        cwd=folder.folder,
        env=folder.environment,
        stderr=subprocess.PIPE,
    )
    line = command.stderr.readline().decode()
    address = re.match(r"serving at (127\.0\.0\.1:\d+); Ctrl-C stops it", line)[1]
    assert folder.json("emulator", "status")["address"] == address
    assert (tmp_path / "d" / "broker.db").exists()
    command.send_signal(signal.SIGINT)
    assert command.wait(20) == 0, command.stderr.read()
    command.stderr.close()
    assert folder.run("emulator", "status").returncode == 1


def test_a_worker_says_what_it_is_and_drains(served):
    worker = served.start_worker("-p", "2", "-t", "3", "--prefetch", "5")
    log = (served.folder / "worker-0.log").read_text()
    address = served.json("emulator", "status")["address"]
    for name, value in {
        "app": "app:app",
        "broker": f"embedded at {address}",
        "topic": "projects/pubsubctl-local/topics/pubsubctl-requests",
        "subscription": "projects/pubsubctl-local/subscriptions/pubsubctl-workers",
        "slots": "6 (2 processes by 3 threads), up to 5 messages held beyond them",
        "store": f"sqlite:///{served.folder}/.pubsubctl/jobs.db",
    }.items():
        assert re.search(rf"^  {name} +{re.escape(value)}$", log, re.MULTILINE), log
    assert served.stop_worker(worker) == 0


def test_a_worker_without_its_subscription_says_what_to_do(idle):
    done = idle.run("worker", "start", "--subscription", "not-there")
    assert done.returncode == 1
    assert re.fullmatch(
        r"pubsubctl: there is no subscription \S+/not-there at \S+; `pubsubctl setup` creates it",
        done.stderr.splitlines()[-1],
    )


def demo_processes(place):
    """Those that name the folder in their arguments, and those that stand in it."""
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    named = [line for line in found.splitlines() if str(place) in line]
    standing = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(place):
                standing.append((process / "cmdline").read_text())
    return named + standing


def test_the_demo(folder, tmp_path):
    place = tmp_path / "demo"
    done = folder.run("demo", str(place), "--jobs", "20")
    assert done.returncode == 0, done.stderr
    assert "20 jobs" in done.stdout
    assert "20 succeeded" in done.stdout
    assert re.search(r'"sha256":\s*"[0-9a-f]{64}"', done.stdout)
    blank, last = done.stderr.splitlines()[-2:]
    assert blank == ""
    assert last.startswith("the demo took ")
    assert demo_processes(place) == []


def test_the_demo_interrupted_leaves_nothing(folder, tmp_path):
    place = tmp_path / "demo"
    command = subprocess.Popen(
        folder.command("demo", str(place), "--jobs", "300"),
        cwd=folder.folder,
        env=folder.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for(lambda: (place / "worker.log").exists() and b"Ctrl-C" in (place / "worker.log").read_bytes(), "the worker")
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does
    _, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert demo_processes(place) == []
    lines = err.decode().splitlines()
    assert lines[-1] == "pubsubctl: interrupted; everything was taken down"
    assert not any(line.startswith("pubsubctl:") or "the jobs go on" in line for line in lines[:-1])


def test_the_demo_ends_when_its_worker_dies(folder, tmp_path):
    place = tmp_path / "demo"
    command = subprocess.Popen(
        folder.command("demo", str(place), "--jobs", "2000"),
        cwd=folder.folder,
        env=folder.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: (place / "worker.log").exists() and b"Ctrl-C" in (place / "worker.log").read_bytes(), "the worker")
    with open_store(str(place / ".pubsubctl" / "jobs.db")) as store:
        wait_for(lambda: any(store.counts().values()), "the first jobs")
        os.kill(store.workers()[0].pid, signal.SIGKILL)
    _, err = command.communicate(timeout=20)
    assert command.returncode == 1, err
    assert re.match(r"pubsubctl: the worker has ended; the last line of its log: \S+", err.decode().splitlines()[-1])
    assert demo_processes(place) == []


def test_a_demo_where_nothing_can_be_written(folder):
    done = folder.run("demo", "/dev/null/demo")
    assert done.returncode == 1
    assert only_line(done.stderr).startswith("pubsubctl: cannot write to /dev/null")


def test_a_demo_does_not_touch_a_folder_in_use(folder):
    done = folder.run("demo", ".")
    assert done.returncode == 2
    assert "is not empty" in done.stderr
