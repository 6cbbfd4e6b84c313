"""The backends that the contract is held against. Another one is another class and another entry in ``BACKENDS``."""

import itertools
import os
import pkgutil
import secrets
from abc import ABC, abstractmethod
from pathlib import Path

import firestore_emulator
from postgres_server import programs
from postgres_session import postgres_server

from pubsubctl.store.base import Store
from pubsubctl.store.firestore import indexes
from pubsubctl.store.firestore.query import Query
from pubsubctl.store.firestore.store import FirestoreStore
from pubsubctl.store.opening import open_store


class Backend(ABC):
    """Data of its own for one test, with a clock that the test sets.

    Attributes:
        url: what other processes open; by the store's own clock.
    """

    url: str
    many = 100_000
    """As many jobs as a test of scale adds."""
    contended = 5000
    """As many as processes fight for."""
    examples = 30
    """How many stories the model is told."""

    @staticmethod
    def lacks() -> tuple[str, str] | None:
        """The part that it needs and that is not there, with the reason; None where it has all."""
        return None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        """Close every handle, and let the data go."""
        for store in self._opened:
            store.close()
        self.let_go()

    @abstractmethod
    def let_go(self) -> None:
        """Delete what would stay behind."""


class SqliteBackend(Backend):
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"sqlite:///{folder / 'jobs.db'}"

    def let_go(self) -> None:
        """It goes with its folder."""


class PostgresBackend(Backend):
    """A schema of its own in a database that all tests share."""

    many = 20_000
    _numbers = itertools.count()

    @staticmethod
    def lacks() -> tuple[str, str] | None:
        return None if programs() else ("postgresql", "the programs of a PostgreSQL server are not installed")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server = postgres_server()
        self._schema = f"test_{next(self._numbers)}"
        self.url = self._server.url(schema=self._schema)

    def let_go(self) -> None:
        import psycopg

        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")


class FirestoreBackend(Backend):
    """A project in Google's emulator of Firestore; processes that a test starts find it, too.

    The emulator takes a millisecond for a document, and ten for a call: what it takes says nothing of the service.
    """

    many = 2_000
    contended = 1000
    examples = 5

    @staticmethod
    def lacks() -> tuple[str, str] | None:
        jar = firestore_emulator.found()
        return ("firestore", jar) if isinstance(jar, str) else None

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        address = firestore_emulator.shared().address
        self._before = os.environ.get(firestore_emulator.VARIABLE)
        os.environ[firestore_emulator.VARIABLE] = address
        self.url = f"firestore://test-{secrets.token_hex(8)}"

    def open(self) -> Store:
        store = super().open()
        assert isinstance(store, FirestoreStore)
        _watch_queries(store)
        return store

    def let_go(self) -> None:
        """It goes with the emulator."""
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


BACKENDS: dict[str, type[Backend]] = {
    "sqlite": SqliteBackend,
    "postgresql": PostgresBackend,
    "firestore": FirestoreBackend,
}
"""By name; or one alone that is somebody else's, named as ``package.module:Class`` by ``PUBSUBCTL_TEST_BACKEND``."""
if _named := os.environ.get("PUBSUBCTL_TEST_BACKEND"):
    BACKENDS = {_named: pkgutil.resolve_name(_named)}
