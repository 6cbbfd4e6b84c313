"""Processes of ours that begin as copies of one that has imported everything: to import it is most of a command's work.

The tests start some thousands. A copy has its own process id, standard streams, environment and folder, and is a child
of the tests' process, as if it had been started afresh. What a copy cannot be is started afresh after all: another
program, a command at a terminal, one whose start is not the usual one. ``PUBSUBCTL_TEST_COPIES=0`` in the environment
of a command, or of the tests, has it started afresh.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("warm_copies_server.py")
MODULES = {"pubsubctl", "pubsubctl.emulator.embedded", "pubsubctl.worker.child"}
UNDERSTOOD = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
READ_ON_IMPORT = ("PYTHON", "GRPC_", "OTEL_", "PUBSUBCTL_FAULT")
SWITCH = "PUBSUBCTL_TEST_COPIES"

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_USUAL = {14: True, 16: -1, 17: None, 18: None, 19: None, 20: -1, 21: None}
"""Of what ``fork_exec`` of CPython 3.11 is given: signals restored; no group, user, mask or function of its own."""
_GIVEN = 23


class Warm:
    """The process that is copied; it is started when it is needed first, and ends with the tests' process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._prctl = ctypes.CDLL(None).prctl

    def copy(self, request: dict[str, Any], streams: list[int]) -> int:
        """Start a copy as a child of this process; its id."""
        content = json.dumps(request).encode()
        with self._lock:
            self._line = self._line or self._start()
            self._prctl(_SUBREAPER, 1, 0, 0, 0)  # the copy's own parent ends at once, and the copy falls to us
            try:
                socket.send_fds(self._line, [len(content).to_bytes(4, "big")], streams)
                self._line.sendall(content)
                return int.from_bytes(self._line.recv(4, socket.MSG_WAITALL), "big")
            finally:
                self._prctl(_SUBREAPER, 0, 0, 0, 0)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", str(SERVER), str(theirs.fileno())]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL)
        theirs.close()
        return ours


def install() -> None:
    """Have ``subprocess`` make copies where it can, for as long as this process lives."""
    if sys.platform != "linux" or sys.version_info[:2] != (3, 11) or os.environ.get(SWITCH) == "0":
        return
    warm, afresh = Warm(), subprocess._fork_exec  # type: ignore[attr-defined]

    def fork_exec(*given: Any) -> int:
        request = _request(given)
        streams = [own if one == -1 else one for one, own in ((given[6], 0), (given[9], 1), (given[11], 2))]
        if request is None or any(map(os.isatty, streams)):
            started: int = afresh(*given)
            return started
        return warm.copy(request, streams)

    subprocess._fork_exec = fork_exec  # type: ignore[attr-defined]


def _request(given: tuple[Any, ...]) -> dict[str, Any] | None:
    """What a copy is to do; None if it cannot be a copy."""
    if len(given) != _GIVEN or any(given[number] != usual for number, usual in _USUAL.items()):
        return None
    words, kept, errors = [os.fsdecode(one) for one in given[0]], given[3], given[13]
    is_safe = words[1:2] == ["-P"]
    start = [sys.executable, *(["-P"] if is_safe else []), "-m"]
    module, *arguments = words[len(start) :] or [""]
    if words[: len(start)] != start or module not in MODULES:
        return None
    environment = _environment(given[5])
    is_unusual = any(name.startswith(READ_ON_IMPORT) and name not in UNDERSTOOD for name in environment)
    if kept != (errors,) or is_unusual or environment.get(SWITCH) == "0":
        return None
    return {
        "module": module,
        "arguments": arguments,
        "safe_path": is_safe,
        "cwd": os.fsdecode(given[4] or Path.cwd()),
        "environment": environment,
        "session": bool(given[15]),
    }


def _environment(given: list[bytes] | None) -> dict[str, str]:
    if given is None:
        return dict(os.environ)
    return dict(os.fsdecode(one).split("=", 1) for one in given)
