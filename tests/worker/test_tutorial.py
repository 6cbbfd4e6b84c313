"""The tutorial that this began with, word for word, on the embedded broker and on Google's emulator."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from google.cloud import pubsub_v1
from project import wait_for

from pubsubctl import Client
from pubsubctl.settings import Settings

APP = """
from flask import Flask, request

app = Flask(__name__)


@app.post("/api_server")
def api_server():
    return {"status": "OK", "json_data": request.get_json()}
"""


@dataclass
class Terminal:
    """A folder with the tutorial's app, and the command line in it."""

    folder: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pubsubctl", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start_worker(self, *flags: str) -> None:
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        with log:
            self.workers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "pubsubctl", "worker", "start", "app:app", *flags],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                )
            )

    def settings(self) -> Settings:
        return Settings.load({}, environ=self.environment, start=self.folder)

    def close(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(40) == 0
        self.run("emulator", "stop")


@pytest.fixture(params=["embedded", "gcloud"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PUBSUB")}
    if request.param == "gcloud":
        environment["PUBSUB_EMULATOR_HOST"] = request.getfixturevalue("gcloud_address")
        # A project for each test: Google's emulator goes on handing messages to streams that were cancelled.
        environment["PUBSUBCTL_PROJECT"] = f"tutorial-{uuid.uuid4().hex[:8]}"
    (tmp_path / "app.py").write_text(APP)
    terminal = Terminal(tmp_path, environment)
    yield terminal
    terminal.close()


def test_the_tutorial(terminal):
    setup = terminal.run("setup")
    assert setup.returncode == 0, setup.stderr
    terminal.start_worker()
    submitted = terminal.run("submit", "POST", "/api_server", "--json", '{"test_value": 0}', "--wait")
    assert submitted.returncode == 0, submitted.stderr
    assert json.loads(submitted.stdout) == {"status": "OK", "json_data": {"test_value": 0}}


def test_a_plain_message_by_googles_own_client(terminal, monkeypatch):
    assert terminal.run("setup").returncode == 0
    terminal.start_worker("--route", "POST /api_server")
    settings = terminal.settings()
    with Client(settings) as client:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", client.connection.address.place)
        publisher = pubsub_v1.PublisherClient()
        message_id = publisher.publish(settings.topic_path, json.dumps({"test_value": 0}).encode()).result(20)
        publisher.stop()
        publisher.transport.close()

        def has_ended() -> bool:
            job = client.store.get([f"msg-{message_id}"])[0]
            return job is not None and job.finished

        wait_for(has_ended, what="the plain message's job has ended", timeout_s=40)
        assert client.result(f"msg-{message_id}").json() == {"status": "OK", "json_data": {"test_value": 0}}
