"""The lock file of an emulator: held as long as its process lives, however that ends, and telling who it is.

A pid alone may have been given to another process since; a lock goes with its holder.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pubsubctl.errors import EmulatorError

PATIENCE_S = 0.5
POLL_S = 0.02


def content(path: Path) -> dict[str, Any]:
    """What the one who holds the lock, or held it last, wrote: ``pid`` and ``address``. Empty where nobody did."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def is_held(path: Path) -> bool:
    """Whether a process holds it now."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (OSError, ValueError):
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


class Lock:
    """A lock that this process holds."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        self.tell(None)

    def tell(self, address: str | None) -> None:
        """Write down who holds the lock and where it serves."""
        told = json.dumps({"pid": os.getpid(), "address": address}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, told, 0)

    def is_in_place(self) -> bool:
        """Whether the file is still where it was: without it another process may take the same directory."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError:
            return False


@contextmanager
def held(path: Path) -> Iterator[Lock]:
    """Hold the lock at ``path``; its directory is made, for its owner alone.

    Raises:
        EmulatorError: another process, named by its pid, holds it, or the directory cannot be used.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmulatorError(f"cannot use {path.parent}: {error.strerror}; name another --data-dir") from error
    try:
        _take(path, file)
        yield Lock(path, file)
    finally:
        os.close(file)


def _take(path: Path, file: int) -> None:
    # Whoever looks whether the lock is held holds it for a moment, so one refusal is none.
    give_up = time.monotonic() + PATIENCE_S
    while not _try(file):
        if time.monotonic() > give_up:
            raise EmulatorError(
                f"{path.parent} is in use by the emulator with pid {content(path).get('pid')}; "
                "stop it, or name another --data-dir"
            )
        time.sleep(POLL_S)


def _try(file: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
