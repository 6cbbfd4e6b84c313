"""The backends that the contract is held against. Another one is another class and another entry in ``BACKENDS``."""

from collections.abc import Callable
from pathlib import Path

from pubsubctl.store.base import Store
from pubsubctl.store.opening import open_store


class SqliteBackend:
    """A SQLite file with a clock that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'jobs.db'}"
        self._now = 1_800_000_000.0
        self._opened: list[Store] = []

    def open(self) -> Store:
        """Another handle on the same data, as another process would have."""
        store = open_store(self.url, clock=lambda: self._now)
        self._opened.append(store)
        return store

    def advance(self, seconds: float) -> None:
        """Let time pass, by the store's clock."""
        self._now += seconds

    def close(self) -> None:
        """Close every handle."""
        for store in self._opened:
            store.close()


Backend = SqliteBackend
BACKENDS: dict[str, Callable[[Path], Backend]] = {"sqlite": SqliteBackend}
