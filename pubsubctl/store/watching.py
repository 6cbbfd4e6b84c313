"""Waiting for a change of a SQLite file: ``PRAGMA data_version``, asked every few milliseconds.

The pragma costs some microseconds and reads no table: the number that it gives changes when any other connection,
of whatever process, has committed (https://www.sqlite.org/pragma.html#pragma_data_version).
"""

import sqlite3
import time
from pathlib import Path

from pubsubctl.store.base import Watch
from pubsubctl.store.failures import translated

# The longer it took, the less a few milliseconds matter: a wait is late by a sixteenth of itself, within these bounds.
_SHORTEST_S = 0.0002
_LONGEST_S = 0.010
_SHARE = 16


class DataVersionWatch(Watch):
    """A connection of its own, since the pragma passes over what its own connection commits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with translated(path):
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._seen = self._version()
            except BaseException:
                self._connection.close()
                raise

    def wait(self, timeout_s: float) -> bool:
        """See ``Watch.wait``."""
        began = time.monotonic()
        while True:
            with translated(self._path):
                version = self._version()
            if version != self._seen:
                self._seen = version
                return True
            waited = time.monotonic() - began
            if waited >= timeout_s:
                return False
            time.sleep(min(max(_SHORTEST_S, waited / _SHARE), _LONGEST_S, timeout_s - waited))

    def close(self) -> None:
        """See ``Watch.close``."""
        self._connection.close()

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version
