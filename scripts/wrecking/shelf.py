"""The store's file, as somebody else who uses it sees it."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

_PATIENCE_S = 60.0


class Shelf:
    """The file of a SQLite store.

    Attributes:
        name: what people call it.
        busy: see ``Seat``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = "store"
        self.busy = threading.Lock()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else can write meanwhile."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")
