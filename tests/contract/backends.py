"""The backends that the contract is held against. Another one is another class and another entry in ``BACKENDS``."""

import itertools
import os
import pkgutil
from abc import ABC, abstractmethod
from pathlib import Path

from postgres_server import programs
from postgres_session import postgres_server

from pubsubctl.store.base import Store
from pubsubctl.store.opening import open_store


class Backend(ABC):
    """Data of its own for one test, with a clock that the test sets.

    Attributes:
        url: what other processes open; by the store's own clock.
    """

    url: str

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


BACKENDS: dict[str, type[Backend]] = {"sqlite": SqliteBackend, "postgresql": PostgresBackend}
"""By name; or one alone that is somebody else's, named as ``package.module:Class`` by ``PUBSUBCTL_TEST_BACKEND``."""
if _named := os.environ.get("PUBSUBCTL_TEST_BACKEND"):
    BACKENDS = {_named: pkgutil.resolve_name(_named)}
