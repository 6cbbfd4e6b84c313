"""The work of ``demo``: the commands that people would type, run one after another."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from pubsubctl.cli.codes import Code
from pubsubctl.emulator import daemon
from pubsubctl.errors import ApplicationError, PubsubctlError, UsageError
from pubsubctl.render.figures import seconds
from pubsubctl.render.output import clean, flush, line, note
from pubsubctl.settings import FILE
from pubsubctl.state import DIRECTORY, State

_APP = "pubsubctl.demo.app:app"
_LARGEST = 1_000_000
_READY_S = 30.0
_END_S = 30.0
_POLL_S = 0.05


def run(folder: Path | None, jobs: int) -> None:
    """Show it all in ``folder``, or in a temporary one.

    Raises:
        UsageError: the folder has something in it.
        PubsubctlError: something did not work; its own words were shown.
    """
    began = time.monotonic()
    files = _files(jobs)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it too takes everything down
    with _place(folder) as place, _torn_down(place):
        stage = _Stage(place)
        stage.run("setup")
        with stage.worker():
            stage.run("submit", "POST", "/analyse", "--wait", "--each-as", "file", "--each", *map(str, files))
            stage.run("status")
            stage.run("result", stage.latest_job())
    note(f"\nthe demo took {seconds(time.monotonic() - began)}; nothing of it runs any more")


class _Stage:
    """A folder with commands run in it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        # The demo is about this folder: neither a broker nor a store that the environment names.
        self._environ = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("PUBSUBCTL_") and key not in ("PUBSUB_EMULATOR_HOST", "FLASK_APP")
        }

    def run(self, *args: str) -> None:
        """Run a command in the foreground."""
        self._announce(args)
        code = subprocess.run(self._command(*args), cwd=self._place, env=self._environ, check=False).returncode
        if code == Code.INTERRUPTED:
            raise KeyboardInterrupt
        if code != Code.DONE:
            raise typer.Exit(code)

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Run a worker meanwhile."""
        args = ("worker", "start", _APP)
        self._announce((*args, "&"))
        log = self._place / "worker.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._command(*args),
                cwd=self._place,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us: we end it
            )
        try:
            _await_ready(process, log)
            yield
        finally:
            _end(process)

    def latest_job(self) -> str:
        """The id of the job that was submitted last."""
        command = self._command("status", "--format", "json")
        found = subprocess.run(command, cwd=self._place, env=self._environ, capture_output=True, check=True)
        return str(json.loads(found.stdout)["jobs"][0]["id"])

    def _command(self, *args: str) -> list[str]:
        return [sys.executable, "-P", "-m", "pubsubctl", *args]

    def _announce(self, args: tuple[str, ...]) -> None:
        shown = [*args[:8], "..."] if len(args) > 8 else list(args)  # noqa: PLR2004 - not 200 files
        line()
        line(f"$ pubsubctl {' '.join(shown)}")
        flush()


def _files(count: int) -> list[Path]:
    """The largest source files of Python's standard library, in order of their names."""
    root = Path(sysconfig.get_path("stdlib"))
    sources = [path for path in root.rglob("*.py") if "site-packages" not in path.parts]
    sized = sorted((path.stat().st_size, path) for path in sources)
    chosen = [path for size, path in sized if 0 < size <= _LARGEST][-count:]
    if not chosen:
        raise PubsubctlError(f"there are no source files in {root} to work on")
    return sorted(chosen)


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        place = Path(tempfile.mkdtemp(prefix="pubsubctl-demo-"))
    else:
        place = folder.resolve()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(f"{place} is not empty; name a new folder")
        place.mkdir(parents=True, exist_ok=True)
    try:
        # Of its own, so that no project in a folder above is taken for this one.
        (place / DIRECTORY).mkdir(mode=0o700)
        (place / FILE).touch()
        yield place
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _torn_down(place: Path) -> Iterator[None]:
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what was started has to end, however impatient one is
        daemon.stop(State(place / DIRECTORY))


def _await_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + _READY_S
    while b"worker ready" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > give_up:
            lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise ApplicationError(f"the worker did not start: {clean(lines[-1])}")
        time.sleep(_POLL_S)
    for text in log.read_text(errors="replace").splitlines():
        note(text)


def _end(process: "subprocess.Popen[bytes]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
        return
    process.kill()
    process.wait()
