"""PostgreSQL as a store's database: a pool of connections, and transactions that live on them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from pubsubctl.errors import StoreError
from pubsubctl.store.base import Watch
from pubsubctl.store.postgresql.address import LOCK_TIMEOUT_S, Address
from pubsubctl.store.postgresql.failures import opening, translated
from pubsubctl.store.postgresql.listening import ListenWatch, channel_of
from pubsubctl.store.postgresql.making import identify
from pubsubctl.store.postgresql.transaction import PostgresTransaction
from pubsubctl.store.transaction import Database, Transaction

# A worker writes from three threads; more come in a burst, and go again.
_KEPT, _MORE = 4, 12

# What an operation sees: a write, whatever was committed before each of its statements, since it locks what it decides
# about; a read, one state of the data.
_TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"
_BEGIN_WRITE = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_TIME}"
_BEGIN_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_TIME}"

_DIALECT = PGDialect_psycopg(paramstyle="format")


@dataclass(slots=True)
class _Open:
    """A transaction, and the connection that it is on."""

    pooled: PoolProxiedConnection
    transaction: PostgresTransaction
    failed: bool = False

    @property
    def connection(self) -> "psycopg.Connection[Any]":
        return _driven(self.pooled)


class _Own(threading.local):
    """The group that this thread has open."""

    group: _Open | None = None


class PostgresDatabase(Database):
    """One schema of a PostgreSQL database, for all threads of this process.

    Args:
        address: where it is.
        clock: what tells the time instead of the server, for tests.
        create: whether to make what is not there.
    """

    def __init__(self, address: Address, clock: Callable[[], float] | None, *, create: bool) -> None:
        self._address = address
        self._clock = clock
        self._own = _Own()
        self._closed = False
        self._pool = QueuePool(
            cast("Callable[[], DBAPIConnection]", address.connect),
            pool_size=_KEPT,
            max_overflow=_MORE,
            timeout=LOCK_TIMEOUT_S,
            use_lifo=True,
            reset_on_return=None,
        )
        self._renewing = threading.Lock()
        try:
            with translated(address.name):
                with opening(address.name):
                    pooled = self._pool.connect()
                try:
                    self.store_id = identify(_driven(pooled), address, create=create)
                    self._channel = channel_of(address.schema)
                finally:
                    pooled.close()
        except BaseException:
            self._pool.dispose()
            raise

    def now(self) -> float:
        """See ``Database.now``."""
        with self.read() as transaction:
            return transaction.now()

    def watch(self) -> Watch:
        """See ``Database.watch``."""
        self._check_open()
        return ListenWatch(self._address)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """See ``Database.read``."""
        with translated(self._address.name):
            if self._own.group is not None:
                yield self._own.group.transaction
                return
            opened = self._begin(_BEGIN_READ)
            try:
                yield opened.transaction
            finally:
                self._give_back(opened)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """See ``Database.write``."""
        with self._transaction() as transaction, translated(self._address.name):
            yield transaction

    @contextmanager
    def group(self) -> Iterator[None]:
        """See ``Database.group``."""
        with self._transaction():
            yield

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        if self._own.group is not None:
            self._check_whole(self._own.group)
            try:
                yield self._own.group.transaction
            except BaseException:
                # It may have done half of its work, which only the whole group can undo.
                self._own.group.failed = True
                raise
            return
        with translated(self._address.name):
            opened = self._own.group = self._begin(_BEGIN_WRITE)
        try:
            yield opened.transaction
            self._check_whole(opened)
            with translated(self._address.name):
                self._commit(opened)
        finally:
            self._own.group = None
            self._give_back(opened)

    def _begin(self, how: str) -> _Open:
        """A transaction on a connection of the pool: that one has died there is found out by it, and is not the end."""
        self._check_open()
        pool = self._pool
        try:
            return self._begun(pool, how)
        except psycopg.OperationalError:
            self._renew(pool)
            return self._begun(self._pool, how)

    def _begun(self, pool: QueuePool, how: str) -> _Open:
        pooled = pool.connect()
        try:
            connection = _driven(pooled)
            server_time = _begun(connection, how)
        except BaseException:
            pooled.invalidate()
            raise
        return _Open(pooled, PostgresTransaction(connection, _DIALECT, self._clock or _clock_from(server_time)))

    def _renew(self, pool: QueuePool) -> None:
        """Whatever idled in the pool has died with the one that did."""
        with self._renewing:
            if self._pool is pool and not self._closed:
                self._pool = pool.recreate()
                pool.dispose()

    def _commit(self, opened: _Open) -> None:
        """The end, and a word to those who wait for changes.

        That word is a transaction of its own, which nothing waits for: in the same one, PostgreSQL would let only one
        process at a time commit, the time that the disk takes included.
        """
        wake = f"; BEGIN; SET LOCAL synchronous_commit TO off; NOTIFY {self._channel}; COMMIT"
        opened.connection.execute(f"COMMIT{wake if opened.transaction.changed else ''}")

    def _give_back(self, opened: _Open) -> None:
        connection = opened.connection
        try:
            if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
        except psycopg.Error:  # it has died; what it had begun has gone with it
            opened.pooled.invalidate()
        finally:
            opened.pooled.close()
            if self._closed:  # by another thread, meanwhile
                self._pool.dispose()

    def _check_whole(self, opened: _Open) -> None:
        if opened.failed:
            raise StoreError("a call inside the group failed, so nothing of the group is done; begin another one")

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self._address.name} is closed; open it again")

    def close(self) -> None:
        """See ``Database.close``."""
        with self._renewing:
            self._closed = True
            self._pool.dispose()


def _begun(connection: "psycopg.Connection[Any]", how: str) -> float:
    """Begin, and what time it is at the server, all in one journey."""
    cursor = connection.execute(how)
    cursor.nextset()
    row = cursor.fetchone()
    assert row is not None
    return float(row[0])


def _clock_from(began_at: float) -> Callable[[], float]:
    """The server's clock from what it said: a transaction is short, so our own seconds do for the rest of it."""
    offset = began_at - time.monotonic()
    return lambda: offset + time.monotonic()


def _driven(pooled: PoolProxiedConnection) -> "psycopg.Connection[Any]":
    """The driver's own connection of one from the pool."""
    connection = pooled.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection
