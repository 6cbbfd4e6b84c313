"""Processes of ours that begin as copies of one that has imported everything: to import it is most of a command's work.

The tests start some thousands. A copy has its own process id, standard streams, environment and folder, and is a child
of the tests' process, as if it had been started afresh. What a copy cannot be is started afresh after all: another
program, a command at a terminal, one whose start is not the usual one. ``PUBSUBCTL_TEST_COPIES=0`` in the environment
of a command, or of the tests, has it started afresh.
"""

import atexit
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("warm_copies_server.py")
MODULES = {"pubsubctl", "pubsubctl.emulator.embedded"}
"""A child of a worker is none of them: the variables that it was started with tell what descends from it."""
UNDERSTOOD = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
READ_AT_FIRST = (
    "PYTHON",
    "GRPC_",
    "OTEL_",
    "PUBSUBCTL_FAULT",
    "LC_",
    "LANG",
    "TZ",
    "GITHUB_",
    "FORCE_COLOR",
    "PY_COLORS",
)
"""Variables that Python reads when it starts, or a module when it is imported: in a copy that has happened."""
HOOKS = ("sitecustomize.py", "usercustomize.py", "pubsubctl")
"""What no folder of PYTHONPATH may have: it would be run at the start, or be found before what was imported."""
CLOSE_S = 10
SWITCH = "PUBSUBCTL_TEST_COPIES"
QUIET = "GRPC_VERBOSITY"

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_USUAL = {14: True, 16: -1, 17: None, 18: None, 19: None, 20: -1, 21: None}
"""Of what ``fork_exec`` of CPython 3.11 is given: signals restored; no group, user, mask or function of its own."""
_GIVEN = 23
_NUMBER = 4


class Warm:
    """The process that is copied; it is started when it is needed first, and ends with the tests' process.

    Attributes:
        environment: its own.
    """

    def __init__(self) -> None:
        self.environment = {QUIET: "NONE", **os.environ}
        self.environment.pop("PYTHONPATH", None)
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._prctl = ctypes.CDLL(None).prctl

    def copy(self, request: dict[str, Any], streams: list[int]) -> int:
        """Start a copy as a child of this process; its id.

        Raises:
            OSError: it could not be started. What is asked for next is asked of another such process.
        """
        content = json.dumps(request).encode()
        with self._lock:
            line, self._line = self._line or self._start(), None
            try:
                self._prctl(_SUBREAPER, 1, 0, 0, 0)  # the copy's own parent ends at once, and the copy falls to us
                socket.send_fds(line, [len(content).to_bytes(_NUMBER, "big")], streams)
                line.sendall(content)
                pid = _number(line)
            except BaseException:  # its answer, if it comes yet, must not be taken for another's
                line.close()
                raise
            finally:
                self._prctl(_SUBREAPER, 0, 0, 0, 0)
            self._line = line
            return pid

    def close(self) -> None:
        """Make no copies any more; those that were made live on."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.wait(CLOSE_S)

    def _start(self) -> socket.socket:
        """Start it, and wait until it has imported everything."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", str(SERVER), str(theirs.fileno())]
        if self._process is not None:  # it has failed
            self._process.kill()
            self._process.wait()
        with theirs:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=self.environment, stdin=subprocess.DEVNULL
            )
        try:
            _number(ours)
        except BaseException:
            ours.close()
            raise
        return ours


def install() -> None:
    """Have ``subprocess`` make copies where it can, for as long as this process lives."""
    if sys.platform != "linux" or sys.version_info[:2] != (3, 11) or os.environ.get(SWITCH) == "0":
        return
    warm, afresh = Warm(), subprocess._fork_exec  # type: ignore[attr-defined]
    atexit.register(warm.close)

    def fork_exec(*given: Any) -> int:
        request = _request(given, warm.environment)
        streams = [own if one == -1 else one for one, own in ((given[6], 0), (given[9], 1), (given[11], 2))]
        if request is None or any(map(os.isatty, streams)):
            started: int = afresh(*given)
            return started
        return warm.copy(request, streams)

    subprocess._fork_exec = fork_exec  # type: ignore[attr-defined]


def _request(given: tuple[Any, ...], at_first: Mapping[str, str]) -> dict[str, Any] | None:
    """What a copy is to do; None if it cannot be a copy."""
    if len(given) != _GIVEN or any(given[number] != usual for number, usual in _USUAL.items()):
        return None
    words, kept, errors = [os.fsdecode(one) for one in given[0]], given[3], given[13]
    is_safe = words[1:2] == ["-P"]
    start = [sys.executable, *(["-P"] if is_safe else []), "-m"]
    module, *arguments = words[len(start) :] or [""]
    if words[: len(start)] != start or module not in MODULES or kept != (errors,):
        return None
    environment = _environment(given[5])
    cwd = os.fsdecode(given[4] or Path.cwd())
    if environment.get(SWITCH) == "0" or _is_unusual(environment, at_first) or not Path(cwd).is_dir():
        return None
    return {
        "module": module,
        "arguments": arguments,
        "safe_path": is_safe,
        "cwd": cwd,
        "environment": environment,
        "session": bool(given[15]),
    }


def _is_unusual(environment: Mapping[str, str], at_first: Mapping[str, str]) -> bool:
    """Whether Python, or a module, would begin otherwise than it did in the process that is copied."""
    read = {name for name in {*environment, *at_first} if name.startswith(READ_AT_FIRST)} - UNDERSTOOD
    environment = {QUIET: "NONE", **environment}  # a command sets it, before anything reads it
    places = [Path(place) for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    is_hooked = any((place / hook).exists() for place in places for hook in HOOKS)
    return is_hooked or any(environment.get(name) != at_first.get(name) for name in read)


def _environment(given: list[bytes] | None) -> dict[str, str]:
    if given is None:
        return dict(os.environ)
    return dict(os.fsdecode(one).split("=", 1) for one in given)


def _number(line: socket.socket) -> int:
    content = line.recv(_NUMBER, socket.MSG_WAITALL)
    if len(content) < _NUMBER or not any(content):
        raise ChildProcessError("no copy could be made")
    return int.from_bytes(content, "big")
