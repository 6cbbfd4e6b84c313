"""The application of a measurement, with a note of each run of it: this is what the worker's children load.

``PUBSUBCTL_BENCH_APP`` names the application. A file in the sandbox's folder gets a line a run: the job's id, when the
application was called (seconds since the epoch), and for how long it ran. A line is one write at the end of the file,
so that any number of processes and threads may share it.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pubsubctl.worker import application

APP = "PUBSUBCTL_BENCH_APP"
FOLDER = "PUBSUBCTL_SANDBOX"
RUNS = "runs"


class Watched:
    """A WSGI application that notes when it ran.

    Args:
        app: what runs.
        descriptor: of the file that gets the notes, open for appending.
    """

    def __init__(self, app: application.WSGIApplication, descriptor: int) -> None:
        self._app = app
        self._descriptor = descriptor

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the application does."""
        job_id = environ["pubsubctl.job_id"]
        began_at, began = time.time(), time.perf_counter()

        def note() -> None:
            line = f"{job_id} {began_at:.6f} {time.perf_counter() - began:.9f}\n"
            os.write(self._descriptor, line.encode())

        try:
            return _Answer(self._app(environ, start_response), note)
        except BaseException:
            note()
            raise


class _Answer:
    """The application's own iterable, which still runs while it is read, and noted when it is closed."""

    def __init__(self, parts: Iterable[bytes], note: Callable[[], None]) -> None:
        self._parts = parts
        self._note = note

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        try:
            if (close := getattr(self._parts, "close", None)) is not None:
                close()
        finally:
            self._note()


def _watched() -> Watched:
    descriptor = os.open(Path(os.environ[FOLDER]) / RUNS, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return Watched(application.load(os.environ[APP]), descriptor)


if APP in os.environ:
    app = _watched()
