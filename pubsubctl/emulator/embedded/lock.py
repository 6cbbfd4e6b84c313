"""One emulator for one data directory."""

import fcntl
import json
import os
import time
from pathlib import Path

from pubsubctl.errors import EmulatorError

PATIENCE_S = 0.5


class DataLock:
    """Held from making to ``release``, or the end of the process. The file tells who holds it, and at which address."""

    def __init__(self, database: Path) -> None:
        """Take the lock.

        Raises:
            EmulatorError: another process, named by its pid, holds it.
        """
        self.path = database.with_name(f"{database.name}.lock")
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Whoever looks whether the lock is held holds it for a moment, so one refusal is none.
        give_up = time.monotonic() + PATIENCE_S
        while not _try_lock(self._file):
            if time.monotonic() > give_up:
                holder = os.pread(self._file, 1_000, 0)
                os.close(self._file)
                raise EmulatorError(f"{database} is in use by {_who(holder)}; stop it, or name another --data-dir")
            time.sleep(0.02)
        try:
            self.tell(None)
        except OSError:
            os.close(self._file)
            raise

    def tell(self, address: str | None) -> None:
        """Write down who holds the lock and where it serves."""
        content = json.dumps({"pid": os.getpid(), "address": address}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, content, 0)

    def is_in_place(self) -> bool:
        """Whether the file is still where it was: without it another process may take the same directory."""
        try:
            there = self.path.stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._file))

    def release(self) -> None:
        """Let go of it; the file stays, as it tells the next one which address was in use."""
        os.close(self._file)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _who(holder: bytes) -> str:
    try:
        return f"the emulator with pid {json.loads(holder)['pid']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
