"""What a store call works with: an open transaction and a clock. And what a database must offer for that."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection

from pubsubctl.store.base import Watch
from pubsubctl.store.statements import Row, Statement


class Transaction:
    """One open transaction of one thread.

    Args:
        connection: the driver's own, where it is open.
        dialect: how its SQL is written.
        clock: the store's clock.
        encode_keys: how the driver takes the list that ``AnyOf`` binds.
    """

    def __init__(
        self,
        connection: DBAPIConnection,
        dialect: Dialect,
        clock: Callable[[], float],
        encode_keys: Callable[[Sequence[str]], Any],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self.now = clock
        self._encode_keys = encode_keys

    def run(self, statement: Statement, rows: Sequence[Row]) -> int:
        """Execute once for each row, nothing where there is none; how many rows of the table were touched."""
        return statement.run(self._connection, self._dialect, rows)

    def change(self, statement: Statement, **parameters: Any) -> int:
        """Execute once; how many rows were touched."""
        return statement.execute(self._connection, self._dialect, parameters).rowcount

    def fetch(self, statement: Statement, **parameters: Any) -> Sequence[Any]:
        """All rows of a query."""
        return statement.execute(self._connection, self._dialect, parameters).fetchall()

    def fetch_any(self, statement: Statement, keys: Sequence[str]) -> Sequence[Any]:
        """All rows of a query that has an ``AnyOf``."""
        if not keys:
            return ()
        return statement.execute(self._connection, self._dialect, {"keys": self._encode_keys(keys)}).fetchall()

    def lock_any(
        self,
        waiting: Statement,
        skipping: Statement,  # noqa: ARG002 - where one writes at a time there is nothing to skip
        keys: Sequence[str],
    ) -> tuple[Sequence[Any], frozenset[str]]:
        """All rows of a query that has an ``AnyOf``, locked until the transaction ends, but for those not to be had.

        Args:
            waiting: the query, the key first among its columns, ``FOR UPDATE`` in the order of the keys.
            skipping: the same, ``SKIP LOCKED``.
            keys: what is asked for.

        Returns:
            The rows; and the keys of those that somebody else has, and does not give away soon. Where one writes at a
            time there are none.
        """
        return self.fetch_any(waiting, keys), frozenset()

    def free(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of the jobs that nobody else is writing, now locked: all, where one writes at a time."""
        return frozenset(keys)

    def wait_for_names(self, names: Sequence[str]) -> None:
        """Have what is called so alone until the transaction ends; what others wrote of it is seen from now on."""

    def take_names(self, names: Sequence[str]) -> frozenset[str]:
        """As ``wait_for_names``, without waiting: those that nobody else has."""
        return frozenset(names)


class Database(ABC):
    """A SQL database: opens transactions, wakes waiters, and raises nothing but pubsubctl's own errors."""

    store_id: str

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one state of the data: the thread's group where one is open."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that is durable when the block ends, or joins the thread's group; raising undoes it."""

    @abstractmethod
    def group(self) -> AbstractContextManager[None]:
        """The same, for a block of calls: what the caller raises goes through as it is."""

    @abstractmethod
    def now(self) -> float:
        """The store's clock."""

    @abstractmethod
    def watch(self) -> Watch:
        """A waiter of its own."""

    @abstractmethod
    def close(self) -> None:
        """Give back every connection."""
