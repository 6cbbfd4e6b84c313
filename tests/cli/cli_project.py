"""A project folder with the real command line in it."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pubsubctl.emulator import daemon
from pubsubctl.state import State
from pubsubctl.store.base import Store
from pubsubctl.store.opening import open_store

APP = """
import os
import time

from flask import Flask, Response, request

import pubsubctl

app = Flask(__name__)


@app.get("/")
def nothing():
    return ""


@app.post("/echo")
def echo():
    return Response(request.get_data(), content_type=request.content_type or "none")


@app.post("/upload")
def upload():
    return {name: [file.filename, file.content_type, len(file.read())] for name, file in request.files.items()}


@app.get("/bytes")
def all_bytes():
    return Response(bytes(range(256)), headers=[("X-Two", "1"), ("X-Two", "2")], mimetype="application/octet-stream")


@app.get("/missing")
def missing():
    return "no such thing", 404


@app.get("/broken")
def broken():
    print("looking for the part")
    return ("mended", 200) if os.path.exists("part") else ("no part", 500)


@app.get("/slow")
def slow():
    steps, step_s = 20, float(request.args["s"]) / 20
    wide = "wide " + "\\u65e5\\u672c" * 60
    for number in range(steps):
        pubsubctl.progress(number / steps, f"step {number} [bold]of\\x1b[31m\\t{wide}")
        time.sleep(step_s)
    while "until" in request.args and not os.path.exists(request.args["until"]):
        time.sleep(0.05)
    return "slow"
"""


class CliProject:
    """A folder, with an emulator and a worker when asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("PUBSUB")}
        self.environment |= {"LANG": "C.UTF-8", "TERM": "xterm"}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # commands start as people's do, from compiled modules
        self._workers: list[subprocess.Popen[bytes]] = []
        (folder / "app.py").write_text(APP)
        (folder / ".pubsubctl").mkdir(exist_ok=True)

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "pubsubctl", *arguments]

    def run(
        self, *arguments: str, given: bytes | None = None, environment: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment | (environment or {}),
            input=given or b"",
            capture_output=True,
            timeout=60,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @functools.cached_property
    def store(self) -> Store:
        """Its jobs, without a command in between."""
        return open_store(str(self.folder / ".pubsubctl" / "jobs.db"))

    @property
    def emulator_pid(self) -> int:
        return int(json.loads((self.folder / ".pubsubctl" / "emulator.json").read_text())["pid"])

    def start_worker(self, *flags: str) -> "subprocess.Popen[bytes]":
        log = self.folder / f"worker-{len(self._workers)}.log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                self.command("worker", "start", "app:app", *flags),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._workers.append(worker)
        wait_for(lambda: "Ctrl-C drains" in log.read_text() or worker.poll() is not None, "the worker to be ready")
        assert worker.poll() is None, log.read_text()
        return worker

    def stop_worker(self, worker: "subprocess.Popen[bytes]") -> int:
        self._workers.remove(worker)
        worker.send_signal(signal.SIGTERM)
        return worker.wait(40)

    def kill_worker(self, worker: "subprocess.Popen[bytes]") -> None:
        self._workers.remove(worker)
        worker.kill()
        worker.wait()

    def close(self) -> None:
        for worker in list(self._workers):
            self.stop_worker(worker)
        if "store" in self.__dict__:
            self.store.close()
        daemon.stop(State(self.folder / ".pubsubctl"))


def wait_for(condition: Callable[[], object], what: str, within_s: float = 40.0) -> None:
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, f"waited {within_s} s for {what}"
        time.sleep(0.02)


def only_line(text: str) -> str:
    """The one line that ``text`` is."""
    assert text.endswith("\n"), text
    assert text.count("\n") == 1, text
    return text.rstrip("\n")
