"""The backends that the contract is held against. Another one is another class and another entry in ``BACKENDS``."""

import os
import secrets
from pathlib import Path

import firestore_emulator

from pubsubctl.store.base import Store
from pubsubctl.store.firestore import indexes
from pubsubctl.store.firestore.query import Query
from pubsubctl.store.firestore.store import FirestoreStore
from pubsubctl.store.opening import open_store


class Backend:
    """Data that a test has for itself, with a clock that it sets."""

    url: str
    many = 100_000
    """As many jobs as a test of scale adds."""
    pending_s = 0.1
    """The longest that counting those may take."""
    examples = 30
    """How many stories the model is told."""

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
    """A project in Google's emulator of Firestore; processes that a test starts find it, too.

    The emulator takes a millisecond for a document, and ten for a call: what it takes says nothing of the service.
    """

    many = 2_000
    pending_s = 10.0
    examples = 5

    def __init__(self, _: Path) -> None:
        super().__init__()
        address = firestore_emulator.shared().address
        self._before = os.environ.get(firestore_emulator.VARIABLE)
        os.environ[firestore_emulator.VARIABLE] = address
        self.url = f"firestore://test-{secrets.token_hex(8)}"

    def open(self) -> Store:
        store = super().open()
        assert isinstance(store, FirestoreStore)
        _watch_queries(store)
        return store

    def close(self) -> None:
        super().close()
        if self._before is None:
            os.environ.pop(firestore_emulator.VARIABLE, None)
        else:
            os.environ[firestore_emulator.VARIABLE] = self._before


def _watch_queries(store: FirestoreStore) -> None:
    """The emulator asks for no index: so every query of every test is held against those that there would be."""
    service, known = store._service, set(indexes.composites())
    query, count = service.query, service.count

    def covered(*asked: Query) -> None:
        missing = [each for each in asked if each.index() is not None and each.index() not in known]
        assert not missing, f"no index covers {missing}"

    service.query = lambda asked: (covered(asked), query(asked))[1]  # type: ignore[method-assign]
    service.count = lambda asked: (covered(*asked), count(asked))[1]  # type: ignore[method-assign]


BACKENDS: dict[str, type[SqliteBackend | FirestoreBackend]] = {"sqlite": SqliteBackend, "firestore": FirestoreBackend}
