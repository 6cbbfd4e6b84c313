"""The name of a run, what bears it, and how all of that is taken away, whoever was killed.

A run keeps a file ``/run/pubsubctl-hosts/NAME`` locked, which says where its files are: the kernel lets go of the lock
when the run is no more. Its namespaces are called ``NAME-HOST``, and whatever runs in these is its own.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

SCRIPTS = Path(__file__).parent.parent
CODE_PATH = os.pathsep.join(map(str, (SCRIPTS, SCRIPTS.parent)))
_RUNS = Path("/run/pubsubctl-hosts")
_PREFIX = "pubsubctl-"
_NAME = re.compile(rf"{_PREFIX}[0-9a-f]{{6}}")
_KILLED_S = 10.0


class Claim:
    """The name of a run, for as long as it is held.

    Attributes:
        name: of the run; names of namespaces begin so.
        folder: its files.
    """

    def __init__(self) -> None:
        self.name = f"{_PREFIX}{secrets.token_hex(3)}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.folder.chmod(0o711)  # a database's server is another user
        self._lock = _locked(self.name, str(self.folder))
        self._caretaker = subprocess.Popen(
            [sys.executable, "-m", "partitioning.leftovers", self.name],
            stdin=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": CODE_PATH},
            start_new_session=True,
        )

    def keep_folder(self) -> None:
        """Leave the files where they are, for people."""
        os.truncate(self._lock, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        remove(self.name)
        if self._caretaker.stdin is not None:
            self._caretaker.stdin.close()
        self._caretaker.wait()
        os.close(self._lock)


def _locked(name: str, text: str) -> int:
    _RUNS.mkdir(exist_ok=True)
    unnamed = _RUNS / f"new-{name}"  # until it is locked: nobody is to find it abandoned
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, text.encode())
    unnamed.rename(_RUNS / name)
    return lock


def remove(name: str) -> None:
    """End every process on the hosts of a run, and take away the hosts and its files."""
    namespaces = [each for each in _namespaces() if each.startswith(f"{name}-")]
    for namespace in namespaces:
        kill_all(namespace)
        subprocess.run(["ip", "netns", "delete", namespace], check=False, stderr=subprocess.DEVNULL)
    with contextlib.suppress(FileNotFoundError):
        if folder := (_RUNS / name).read_text():
            shutil.rmtree(folder, ignore_errors=True)
        (_RUNS / name).unlink()
    with contextlib.suppress(OSError):
        _RUNS.rmdir()


def kill_all(namespace: str) -> None:
    """Kill whatever runs on a host, as a power cut does."""
    deadline = time.monotonic() + _KILLED_S
    while (pids := _pids(namespace)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def remove_abandoned() -> list[str]:
    """Take away what runs that were killed have left; returns their names."""
    names = {found.group() for each in _namespaces() if (found := _NAME.match(each))}
    names |= {each.name for each in _RUNS.glob(f"{_PREFIX}*")}
    abandoned = sorted(name for name in names if not _is_held(name))
    for name in abandoned:
        remove(name)
    return abandoned


def _is_held(name: str) -> bool:
    try:
        with (_RUNS / name).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _namespaces() -> list[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in listed.splitlines() if line]


def _pids(namespace: str) -> set[int]:
    listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False).stdout
    return {int(pid) for pid in listed.split()} - {os.getpid()}


def _take_care(name: str) -> None:
    """Wait until the run is over, or was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while sys.stdin.buffer.read(65_536):
        pass
    if (_RUNS / name).exists():
        remove(name)


if __name__ == "__main__":
    _take_care(sys.argv[1])
