"""setup, emulator, worker start, demo: what is started, what is said."""

import os
import re
import signal
import subprocess

from cli_project import wait_for


def test_a_dry_run_starts_and_makes_nothing(folder):
    done = folder.run("setup", "--dry-run")
    assert done.returncode == 0
    assert "not running; it would be started" in done.stdout
    assert done.stdout.count("would be created") == 4
    assert list((folder.folder / ".pubsubctl").iterdir()) == []


def test_setup_may_be_repeated(folder):
    first, second = folder.run("setup"), folder.run("setup")
    assert (first.returncode, second.returncode) == (0, 0)
    assert re.match(r"started the emulator at 127\.0\.0\.1:\d+ \(pid \d+\)", first.stderr)
    assert first.stdout.count("  created") == 4
    assert "started" not in second.stderr
    assert second.stdout.count("  exists") == 4
    assert "next: `pubsubctl worker start APP`" in second.stderr
    assert (folder.folder / ".pubsubctl" / "jobs.db").exists()


def test_drift_is_shown_and_repaired_when_asked(served):
    drifted = served.run("setup", "--ack-deadline", "30")
    assert drifted.returncode == 0
    assert "ack_deadline_seconds is 60, should be 30" in drifted.stdout
    found = served.json("setup", "--ack-deadline", "30", "--apply-drift")
    assert found["steps"][-1]["differences"] == {"ack_deadline_seconds": {"is": "60", "should_be": "30"}}
    assert served.run("setup", "--ack-deadline", "30").stdout.count("  exists") == 4
    fixed = served.run("setup", "--ack-deadline", "30", "--message-filter", 'attributes.method = "GET"')
    assert "can never be changed" in fixed.stdout


def test_every_flag_reaches_the_subscription(folder):
    flags = ["--topic", "orders", "--subscription", "order-workers", "--dead-letter-topic", "lost"]
    flags += ["--dead-letter-subscription", "found", "--max-delivery-attempts", "7", "--min-retry-delay", "2s"]
    flags += ["--max-retry-delay", "5m", "--message-retention-duration", "1d", "--enable-message-ordering"]
    assert folder.run("setup", *flags).returncode == 0
    changed = folder.json("setup", "--dry-run", "--topic", "orders", "--subscription", "order-workers")
    differences = changed["steps"][-1]["differences"]
    assert {name: values["is"] for name, values in differences.items()} == {
        "dead_letter_policy": "projects/pubsubctl-local/topics/lost, 7 attempts",
        "retry_policy": "2s to 300s",
        "message_retention_duration": "86400s",
        "enable_message_ordering": "True",
    }


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
    assert re.match(
        r"pubsubctl: Subscription does not exist .*; `pubsubctl setup` creates what is missing",
        done.stderr.splitlines()[-1],
    )


def demo_processes(place):
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(place) in line]


def test_the_demo(folder, tmp_path):
    place = tmp_path / "demo"
    done = folder.run("demo", str(place), "--jobs", "20")
    assert done.returncode == 0, done.stderr
    assert "20 jobs" in done.stdout
    assert "20 succeeded" in done.stdout
    assert re.search(r'"sha256":\s*"[0-9a-f]{64}"', done.stdout)
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
    command.communicate(timeout=60)
    assert command.returncode == 130
    assert demo_processes(place) == []


def test_a_demo_does_not_touch_a_folder_in_use(folder):
    done = folder.run("demo", ".")
    assert done.returncode == 2
    assert "is not empty" in done.stderr
