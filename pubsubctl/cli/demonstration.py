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
        typer.Exit: a command did not end well, or Ctrl-C was pressed; it has been said.
    """
    began = time.monotonic()
    files = _files(jobs)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that they too take everything down
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        with _place(folder) as place, _torn_down(place):
            stage = _Stage(place)
            stage.run("setup")
            with stage.worker() as worker:
                each = ("--each-as", "file", "--each", *map(str, files))
                stage.run("submit", "POST", "/analyse", "--wait", *each, worker=worker)
                stage.run("status")
                stage.run("result", stage.latest_job())
    except KeyboardInterrupt:
        note("pubsubctl: interrupted; everything was taken down")
        raise typer.Exit(Code.INTERRUPTED) from None
    note("")
    note(f"the demo took {seconds(time.monotonic() - began)}; nothing of it runs any more")


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

    def run(self, *args: str, worker: "subprocess.Popen[bytes] | None" = None) -> None:
        """Run a command and wait for its end.

        Args:
            args: its arguments.
            worker: what it cannot go on without.

        Raises:
            ApplicationError: the worker has ended meanwhile.
            typer.Exit: the command did not end well; it has said why.
        """
        self._announce(args)
        process = subprocess.Popen(
            self._command(*args),
            cwd=self._place,
            env=self._environ,
            start_new_session=True,  # Ctrl-C is for us: what it would say of it is not so here
        )
        try:
            while process.poll() is None:
                if worker is not None and worker.poll() is not None:
                    raise ApplicationError(f"the worker has ended; the last line of its log: {_last_line(self._log)}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            if process.returncode is None:
                _cut_short(process, at_once=worker is not None)
        if process.returncode != Code.DONE:
            raise typer.Exit(process.returncode if process.returncode > 0 else Code.ERROR)

    @property
    def _log(self) -> Path:
        return self._place / "worker.log"

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker meanwhile."""
        args = ("worker", "start", _APP)
        self._announce((*args, "&"))
        with self._log.open("wb") as output:
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
            _await_ready(process, self._log)
            yield process
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
        shown = [*args[:8], "..."] if len(args) > 8 else list(args)  # noqa: PLR2004 - not hundreds of files
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
    try:
        place = _made(folder)
    except OSError as error:
        where = error.filename or folder or tempfile.gettempdir()
        raise PubsubctlError(f"cannot write to {where}: {error.strerror}; name another folder") from error
    try:
        yield place
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def _made(folder: Path | None) -> Path:
    if folder is None:
        place = Path(tempfile.mkdtemp(prefix="pubsubctl-demo-"))
    else:
        place = folder.resolve()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(f"{place} is not empty; name a new folder")
        place.mkdir(parents=True, exist_ok=True)
    # Of its own, so that no project in a folder above is taken for this one.
    (place / DIRECTORY).mkdir(mode=0o700)
    (place / FILE).touch()
    return place


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
            raise ApplicationError(f"the worker did not start: {_last_line(log)}")
        time.sleep(_POLL_S)
    for text in log.read_text(errors="replace").splitlines():
        note(text)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return clean(lines[-1]) if lines else "it said nothing"


def _cut_short(process: "subprocess.Popen[bytes]", *, at_once: bool) -> None:
    """End a command; one that is short may end by itself, so that nothing is left half done."""
    if at_once:
        _end(process)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
        return
    _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
        return
    process.kill()
    process.wait()
