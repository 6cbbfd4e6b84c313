"""The application measured by itself, in a process that ends with the measurement: see ``alone``."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pubsubctl.bench.alone import written_request
from pubsubctl.errors import ApplicationError, WaitTimeout
from pubsubctl.exchange import Meaning, Request, meaning
from pubsubctl.sandbox.interrupts import deferred

_LOOK_S = 0.01


@dataclass(frozen=True)
class Alone:
    """The application without any of pubsubctl, in one process.

    Attributes:
        loaded_s: how long it took to import.
        calls: how many were made.
        first_s: seconds of the first call.
        p50_s: the median of the others, in seconds.
        rate: calls a second, without the first.
    """

    loaded_s: float
    calls: int
    first_s: float
    p50_s: float
    rate: float


def alone(app: str, request: Request, *, seconds: float, limit_s: float | None) -> Alone:
    """Call it again and again.

    Args:
        app: as ``worker start`` takes it.
        request: what it is to answer.
        seconds: how long to go on.
        limit_s: the longest that all of it may take.

    Raises:
        ApplicationError: it cannot be loaded, ends its process, or its answer is no success.
        WaitTimeout: it took too long.
    """
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="pubsubctl-")))
        told, log = folder / "told", folder / "log"
        with deferred():
            process = _started(app, request, seconds, folder)
            undo.callback(_end, process)
        if not _exited(process, limit_s):
            raise WaitTimeout(
                f"the app alone does not answer {request.method} {request.path} twice within {limit_s:.0f} s; "
                "allow more with --max-time"
            )
        if not told.exists():
            raise ApplicationError(f"the app ended its process when it was called alone{_told(log)}")
        return _read(json.loads(told.read_text()), request, log)


def _started(app: str, request: Request, seconds: float, folder: Path) -> "subprocess.Popen[bytes]":
    given, log = folder / "given", folder / "log"
    given.write_text(written_request(request))
    command = [sys.executable, "-P", "-m", "pubsubctl.bench.alone", app]
    with given.open("rb") as stdin, log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--seconds", str(seconds), "--to", str(folder / "told")],
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,  # it ends with all that the application starts
        )


def _exited(process: "subprocess.Popen[bytes]", limit_s: float | None) -> bool:
    """Whether it has in time. It is not reaped by that: until then its group's number is nobody else's."""
    give_up = time.monotonic() + (math.inf if limit_s is None else limit_s)
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > give_up:
            return False
        time.sleep(_LOOK_S)
    return True


def _read(found: dict[str, Any], request: Request, log: Path) -> Alone:
    if "error" in found:
        raise ApplicationError(found["error"])
    status = found["status"]
    if meaning(status, frozenset()) is not Meaning.SUCCEEDED:
        raise ApplicationError(
            f"call {found['calls']} of the app alone, {request.method} {request.path}, was answered {_named(status)}"
            f"{_told(log)}; only what succeeds is measured"
        )
    timed = max(1, found["calls"] - 1)
    rate = timed / found["total_s"] if found["total_s"] else float("inf")
    return Alone(found["loaded_s"], found["calls"], found["first_s"], found["p50_s"], rate)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _told(log: Path) -> str:
    return f" ({line})" if (line := _last_line(log)) else ""


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
