"""README is true: its five minutes are run as they stand, in a shell, by a new user with an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pubsubctl import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()
HERE = Path(sys.executable).parent

# What a test cannot do again: this very installation, and a request that the example's app does not have.
LEFT_OUT = ("python3 -m venv", "/thumbnail")


def section(title: str) -> str:
    return README.split(f"## {title}")[1].split("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of all console blocks, each with the output that README shows."""
    found: list[tuple[str, str]] = []
    for line in "".join(blocks(text, "console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line + "\n")
    return [each for each in found if not any(part in each[0] for part in LEFT_OUT)]


def test_what_is_said_in_japanese_is_the_same():
    japanese = (Path(__file__).parents[2] / "README.ja.md").read_text()
    assert "README.ja.md" in README
    said = section("Five minutes") + section("On Google Cloud")
    for language in ("console", "python", "toml"):
        assert blocks(japanese, language) == blocks(said, language)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(blocks(section("Five minutes"), "python")[0])
    return tmp_path


def shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PUBSUB")}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment | {"PATH": f"{HERE}:{environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def with_a_worker(script: str) -> str:
    """``script`` with a worker in the background, and nothing left when it has ended."""
    return f"""
        trap 'kill -TERM $worker; wait $worker; pubsubctl emulator stop' EXIT
        pubsubctl setup
        pubsubctl worker start app:app & worker=$!
        {script}
    """


def test_five_minutes_from_nothing_to_a_result(folder):
    asked = commands(section("Five minutes"))
    assert [command for command, _ in asked[:2]] == ["pubsubctl setup", "pubsubctl worker start app:app"]
    run = shell(folder, with_a_worker("\n".join(command for command, _ in asked[2:])))
    assert run.returncode == 0, run.stderr
    for command, output in asked:
        assert output in run.stdout, f"after {command!r}: {run.stdout}"
    assert "Traceback" not in run.stderr


def test_the_python_example(folder):
    example = blocks(section("From Python"), "python")[0]
    (folder / "example.py").write_text(f"def do_something_else():\n    pass\n\n\n{example}")
    run = shell(folder, with_a_worker(f"{sys.executable} -W error example.py"))
    assert run.returncode == 0, run.stderr
    assert "{'json_data': {'test_value': 0}, 'status': 'OK'}" in run.stdout
    assert run.stdout.count(" succeeded") == 1000


def test_the_emulator_on_its_own(folder):
    asked = [command for command, _ in commands(section("A Pub/Sub to test against"))]
    run = shell(folder, "\n".join(asked))
    assert run.returncode == 0, run.stderr
    assert run.stdout.count('{"order": 1}') == 2
    assert "nack=0.1,disconnect=0.01,unavailable=0.01,seed=" in run.stdout
    assert not (folder / ".pubsubctl" / "emulator.json").exists()


def test_what_to_do_when_a_job_does_not_go_well(folder):
    asked = [command for command, _ in commands(section("When a job does not go well"))]
    run = shell(folder, with_a_worker("\n".join(asked)))
    assert run.returncode == 0, run.stderr
    assert "submitted" in run.stdout
    assert "Traceback" not in run.stderr


def test_the_ways_to_start_a_worker(folder):
    asked = [command for command, _ in commands(section("Workers"))]
    assert len(asked) == 4
    run = shell(
        folder,
        "pubsubctl setup\n"
        + "\n".join(f"{command.split('#')[0]} --burst" for command in asked)
        + "\npubsubctl emulator stop",
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("worker ready") == 4
    assert run.stderr.count("drained in") == 4


def test_how_long_results_are_kept(folder):
    asked = [command for command, _ in commands(section("How long results are kept"))]
    run = shell(folder, "\n".join(["pubsubctl setup", *asked, "pubsubctl emulator stop"]))
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("0 jobs purged") == 2
    assert "0 jobs would be purged, of those that ended 30 d 00 h ago or before" in run.stdout


def test_every_file_named_in_the_table_of_bad_days_is_there():
    named = set(re.findall(r"`(test_\w+)`", section("Workers")))
    assert len(named) > 10
    missing = {name for name in named if not (Path(__file__).parents[1] / "worker" / f"{name}.py").exists()}
    assert not missing


CONSUMER = """
import os
from google.cloud import pubsub_v1

TOPIC, SUBSCRIPTION = "projects/p/topics/orders", "projects/p/subscriptions/billing"


def pulled():
    return pubsub_v1.SubscriberClient().pull(subscription=SUBSCRIPTION, max_messages=1, timeout=5).received_messages


def run_my_consumer_that_crashes():
    publisher = pubsub_v1.PublisherClient()
    publisher.create_topic(name=TOPIC)
    pubsub_v1.SubscriberClient().create_subscription(name=SUBSCRIPTION, topic=TOPIC, ack_deadline_seconds=600)
    publisher.publish(TOPIC, b"x").result()
    assert pulled()


def my_consumer_gets_the_message_again():
    return pulled()

"""


def test_the_example_with_a_clock(folder):
    (folder / "example.py").write_text(CONSUMER + blocks(section("A Pub/Sub to test against"), "python")[0])
    run = shell(folder, f"{sys.executable} example.py")
    assert run.returncode == 0, run.stderr


def test_one_setting_leads_from_a_laptop_to_the_cloud(tmp_path):
    (tmp_path / "pubsubctl.toml").write_text(blocks(section("Where results live"), "toml")[0])
    schemes = {}
    for profile in (None, "team", "cloud"):
        settings = Settings.load(profile=profile, environ={}, start=tmp_path)
        schemes[profile] = settings.broker, settings.store_url.partition("://")[0], settings.topic
    assert schemes == {
        None: ("embedded", "sqlite", "thumbnails"),
        "team": ("cloud", "postgresql", "thumbnails"),
        "cloud": ("cloud", "firestore", "thumbnails"),
    }
