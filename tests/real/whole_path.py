"""Requests submitted as jobs, through the embedded broker and a worker's own process, to their stored responses."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from applications import Published

from pubsubctl import Client, Settings
from pubsubctl.emulator import daemon
from pubsubctl.exchange import Response
from pubsubctl.job import Job

READY_WITHIN_S = 30.0
DONE_WITHIN_S = 60.0
ORDERING_KEY = "cases"
"""Cases build on those before them: they are jobs of one key, which run one after another."""


def answers_through_a_worker(published: Published, folder: Path) -> dict[str, tuple[Job, Response | None]]:
    """Submit every case as one batch; the jobs as they ended and their stored responses, by the case's id."""
    published.prepare(folder)
    with _project(folder) as settings, _worker(published, folder, settings), Client(settings) as client:
        submissions = (replace(case.submission, ordering_key=ORDERING_KEY) for case in published.cases)
        jobs = list(client.submit_many(submissions))
        list(client.wait(jobs, DONE_WITHIN_S))
        ids = [job.id for job in jobs]
        ended = [(job.refresh(), client.store.response(job.id)) for job in jobs]
        assert len(set(ids)) == len(published.cases)
        return {case.id: end for case, end in zip(published.cases, ended, strict=True)}


@contextmanager
def _project(folder: Path) -> Iterator[Settings]:
    """A project as ``pubsubctl setup`` makes it, its emulator running."""
    settings = Settings.load(environ={}, start=folder)
    try:
        _run(folder, "setup", "--enable-message-ordering")
        yield Settings.load(environ={}, start=folder)
    finally:
        daemon.stop(settings.state)


@contextmanager
def _worker(published: Published, folder: Path, settings: Settings) -> Iterator[None]:
    """A worker with the application, from when it is ready until it has drained."""
    arguments = ["worker", "start", *([published.target] if published.target else []), "--processes", "1"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pubsubctl", *arguments], cwd=folder, env=_environment(), stdout=log, stderr=log
        )
    try:
        _wait_until_ready(process, folder, settings)
        yield
        process.terminate()
        assert process.wait(READY_WITHIN_S) == 0, (folder / "worker.log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", folder: Path, settings: Settings) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    with Client(settings) as client:
        while not any(worker.pid == process.pid for worker in client.store.workers()):
            log = (folder / "worker.log").read_text()
            assert process.poll() is None, f"the worker has ended: {log}"
            assert time.monotonic() < deadline, f"the worker is not ready: {log}"
            time.sleep(0.02)


def _run(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pubsubctl", *arguments]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _environment() -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PUBSUB", "FLASK_"))}
