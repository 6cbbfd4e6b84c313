"""SQLite as a store's database: connections, transactions, and who may write when."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from pubsubctl.errors import StoreError, StoreUnreachable
from pubsubctl.store import space
from pubsubctl.store.answers import Space
from pubsubctl.store.base import Watch
from pubsubctl.store.failures import is_busy, translated
from pubsubctl.store.identity import identify
from pubsubctl.store.transaction import Database, Transaction
from pubsubctl.store.watching import DataVersionWatch

LOCK_TIMEOUT_S = 30.0
"""How long a call waits for other writers before it says that the store cannot be reached."""

# SQLite waits longer and longer between two looks at the lock, up to 100 ms, so that whoever waits starves beside
# a busy writer. So it is given a few milliseconds at a time, and asked again from here.
_WRITER_BUSY_MS = 3
_PAUSE_S = 0.001
_CLOSE_S = 35.0

# FULL: a commit is on the disk when it returns. The write-ahead log may grow to 16 MB before it is folded into the
# file, and up to 32 MB of pages are kept in memory by a connection that needs them. What a long reader has made the log
# grow beyond 32 MB goes when it begins anew.
_PRAGMAS = (
    "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000; PRAGMA journal_size_limit=33554432;"
    "PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY"
)

_Answer = TypeVar("_Answer")


class _Own(threading.local):
    """The group that this thread has open."""

    open = False
    failed = False


class SqliteDatabase(Database):
    """One SQLite file, for all threads of this process.

    Writes go through one connection, one after another: SQLite has one writer at a time, and threads queue up
    better at a lock than at the file. Reads have connections of their own and do not wait for writers.
    """

    def __init__(self, path: Path, clock: Callable[[], float], *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._path = path
        self._clock = clock
        self._lock_timeout_s = lock_timeout_s
        self._turn = threading.Lock()
        self._own = _Own()
        self._closed = False
        self._engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, max_overflow=-1, pool_reset_on_return=None
        )
        with translated(path):
            self._kept = self._engine.connect()
            self._writer = _driven(self._kept.connection)
            try:
                self._writer.execute(f"PRAGMA busy_timeout={_WRITER_BUSY_MS}")
                self.store_id = self._patiently(lambda: identify(self._kept, path))
            except BaseException:
                self._shut()
                raise
        self._writing = self._transaction_on(self._writer)

    def _connect(self) -> sqlite3.Connection:
        # isolation_level=None: transactions begin where we say so, not where the driver guesses.
        connection = sqlite3.connect(
            self._path, timeout=self._lock_timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.executescript(_PRAGMAS)
        return connection

    def now(self) -> float:
        """See ``Database.now``."""
        return self._clock()

    def watch(self) -> Watch:
        """See ``Database.watch``."""
        self._check_open()
        return DataVersionWatch(self._path)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """See ``Database.read``."""
        if self._own.open:
            with translated(self._path):
                yield self._writing
            return
        self._check_open()
        pool = self._engine.pool  # the engine has another once it was disposed of
        try:
            with translated(self._path), closing(pool.connect()) as pooled:
                connection = _driven(pooled)
                try:
                    connection.execute("BEGIN")
                    yield self._transaction_on(connection)
                finally:
                    connection.rollback()  # nothing, where it did not begin
        finally:
            if self._closed:  # by another thread, meanwhile: the connection came back to a pool that was emptied before
                pool.dispose()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """See ``Database.write``."""
        with self._transaction() as transaction, translated(self._path):
            yield transaction

    @contextmanager
    def group(self) -> Iterator[None]:
        """See ``Database.group``."""
        with self._transaction():
            yield

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        if self._own.open:
            self._check_whole()
            try:
                yield self._writing
            except BaseException:
                # It may have done half of its work, which only the whole group can undo.
                self._own.failed = True
                raise
            return
        self._begin()
        try:
            self._own.open = True
            yield self._writing
            self._commit()
        finally:
            self._own.open, self._own.failed = False, False
            self._end()

    def _begin(self) -> None:
        if not self._turn.acquire(timeout=self._lock_timeout_s):
            raise StoreUnreachable(f"the store {self._path} is kept busy by another thread; try again")
        try:
            self._check_open()
            with translated(self._path):
                self._patiently(lambda: self._writer.execute("BEGIN IMMEDIATE"))
        except BaseException:
            self._end()
            raise

    def _commit(self) -> None:
        self._check_whole()
        with translated(self._path):
            self._writing.settle()
            self._writer.commit()

    def _check_whole(self) -> None:
        # SQLite may have undone the transaction by itself: what came now would be written at once, and alone.
        if self._own.failed:
            raise StoreError("a call inside the group failed, so nothing of the group is done; begin another one")

    def _end(self) -> None:
        self._writing.tally.clear()  # nothing, after a commit
        try:
            if not self._closed:
                with translated(self._path):
                    self._writer.rollback()  # nothing, after a commit
        finally:
            self._turn.release()

    def _patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        deadline = time.monotonic() + self._lock_timeout_s
        while True:
            try:
                return ask()
            except (sqlite3.Error, DBAPIError) as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_S)

    def space(self) -> Space:
        """See ``Database.space``."""
        with self._outside() as connection:
            return space.space(connection)

    def reclaim(self, *, keep: float) -> bool:
        """See ``Database.reclaim``."""
        with self._outside() as connection:
            pages = space.surplus(connection, keep=keep)
            more = pages > 0 and self._patiently(lambda: space.cut(connection, pages))
            if pages and not more:
                space.fold(connection)
        return more

    def rewrite(self) -> None:
        """See ``Database.rewrite``."""
        with self._outside() as connection:
            self._patiently(lambda: space.rewrite(connection))

    @contextmanager
    def _outside(self) -> Iterator[sqlite3.Connection]:
        """A connection without a transaction, which shares nothing with others."""
        self._check_open()
        with translated(self._path), closing(self._connect()) as connection:
            connection.execute(f"PRAGMA busy_timeout={_WRITER_BUSY_MS}")
            yield connection

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self._path} is closed; open it again")

    def close(self) -> None:
        """See ``Database.close``."""
        mine = self._turn.acquire(timeout=_CLOSE_S)  # a thread that was interrupted may have left it taken
        try:
            if not self._closed:
                self._closed = True
                with translated(self._path):
                    self._shut()
        finally:
            if mine:
                self._turn.release()

    def _shut(self) -> None:
        self._kept.close()
        self._engine.dispose()

    def _transaction_on(self, connection: sqlite3.Connection) -> Transaction:
        return Transaction(cast("DBAPIConnection", connection), self._engine.dialect, self._clock, json.dumps)


def _driven(pooled: PoolProxiedConnection) -> sqlite3.Connection:
    """The driver's own connection of one from the pool."""
    connection = pooled.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection
