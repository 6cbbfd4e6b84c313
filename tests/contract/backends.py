"""The backends that the contract is held against. Another one is another class and another entry in ``BACKENDS``."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import firestore_emulator

from pubsubctl.store.base import Store
from pubsubctl.store.opening import open_store


class Backend:
    """Data that a test has for itself, with a clock that it sets."""

    url: str

    def __init__(self) -> None:
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


class SqliteBackend(Backend):
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.url = f"sqlite:///{folder / 'jobs.db'}"


class FirestoreBackend(Backend):
    """A project in Google's emulator of Firestore; processes that a test starts find it, too."""

    def __init__(self, _: Path) -> None:
        super().__init__()
        address = firestore_emulator.shared().address
        self._before = os.environ.get(firestore_emulator.VARIABLE)
        os.environ[firestore_emulator.VARIABLE] = address
        self.url = f"firestore://test-{secrets.token_hex(8)}"

    def close(self) -> None:
        super().close()
        if self._before is None:
            os.environ.pop(firestore_emulator.VARIABLE, None)
        else:
            os.environ[firestore_emulator.VARIABLE] = self._before


BACKENDS: dict[str, Callable[[Path], Backend]] = {"sqlite": SqliteBackend, "firestore": FirestoreBackend}
