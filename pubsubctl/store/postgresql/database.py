"""PostgreSQL as a store's database: transactions, and the groups of a thread."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from pubsubctl.errors import StoreError
from pubsubctl.store.base import Watch
from pubsubctl.store.postgresql.address import Address
from pubsubctl.store.postgresql.failures import opening, translated
from pubsubctl.store.postgresql.listening import ListenWatch, channel_of
from pubsubctl.store.postgresql.making import identify
from pubsubctl.store.postgresql.pool import Lent, Pool, driven
from pubsubctl.store.postgresql.transaction import PostgresTransaction
from pubsubctl.store.transaction import Database, Transaction

# What an operation sees: a write, whatever was committed before each of its statements, since it locks what it decides
# about; a read, one state of the data.
_TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"
_BEGIN_WRITE = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_TIME}"
_BEGIN_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_TIME}"
_IN_TRANSACTION = psycopg.pq.TransactionStatus.INTRANS
_FAILED = psycopg.pq.TransactionStatus.INERROR

_DIALECT = PGDialect_psycopg(paramstyle="format")


@dataclass(slots=True)
class _Open:
    """A transaction, and the connection that it is on; ``failed`` once a call in it has raised."""

    lent: Lent
    transaction: PostgresTransaction
    pid: int
    failed: bool = False


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
        self._pool = Pool(address)
        self._channel = channel_of(address.schema)
        try:
            with translated(address.name):
                with opening(address.name):
                    pooled = self._pool.connect()
                try:
                    self.store_id = identify(driven(pooled), address, create=create)
                finally:
                    pooled.close()
        except BaseException:
            self._pool.close()
            raise

    @property
    def in_group(self) -> bool:
        """See ``Database.in_group``."""
        return self._group is not None

    @property
    def _group(self) -> _Open | None:
        group = self._own.group
        return group if group is not None and group.pid == os.getpid() else None

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
        with translated(self._address.name), self._joined() or self._alone(_BEGIN_READ) as opened:
            yield opened.transaction

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
        joined = self._joined()
        if joined is not None:
            with joined as opened:
                yield opened.transaction
            return
        with contextlib.ExitStack() as stack:
            with translated(self._address.name):
                opened = stack.enter_context(self._alone(_BEGIN_WRITE))
            stack.callback(setattr, self._own, "group", None)
            self._own.group = opened
            yield opened.transaction
            self._check_whole(opened)
            with translated(self._address.name):
                opened.transaction.settle()
                self._commit(opened)

    def _joined(self) -> "contextlib.AbstractContextManager[_Open] | None":
        """The group that this thread has open: what fails in it may have done half of its work."""
        group = self._group
        if group is None:
            return None
        self._check_whole(group)
        return _marked(group)

    @contextmanager
    def _alone(self, how: str) -> Iterator[_Open]:
        """A transaction of its own; it is undone unless it was committed."""
        self._check_open()
        lent = self._pool.begin(how)
        opened = _Open(lent, self._transaction_on(lent), os.getpid())
        whole = False
        try:
            yield opened
            if lent.connection.info.transaction_status is _IN_TRANSACTION:
                lent.connection.execute("ROLLBACK")  # it has read
            whole = True
        finally:
            self._pool.give_back(lent, whole=whole)

    def _transaction_on(self, lent: Lent) -> PostgresTransaction:
        return PostgresTransaction(lent.connection, _DIALECT, self._clock or _clock_from(lent.began_at))

    def _commit(self, opened: _Open) -> None:
        """The end, and a word to those who wait for changes.

        That word is a transaction of its own, which nothing waits for: in the same one, PostgreSQL would let only one
        process at a time commit, the time that the disk takes included.
        """
        connection = opened.lent.connection
        if connection.info.transaction_status is not _IN_TRANSACTION:  # a COMMIT would be a ROLLBACK, without a word
            raise StoreError(f"the store {self._address.name} has undone a transaction; begin another one")
        wake = f"; BEGIN; SET LOCAL synchronous_commit TO off; NOTIFY {self._channel}; COMMIT"
        try:
            connection.execute(f"COMMIT{wake if opened.transaction.changed else ''}")
        except psycopg.Error:
            if connection.info.transaction_status is not _FAILED:
                raise
            connection.execute("ROLLBACK")  # it was committed; only the word has failed, and waiters look by themselves

    def _check_whole(self, opened: _Open) -> None:
        if opened.failed:
            raise StoreError("a call inside the group failed, so nothing of the group is done; begin another one")

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self._address.name} is closed; open it again")

    def close(self) -> None:
        """See ``Database.close``."""
        self._closed = True
        self._pool.close()


@contextmanager
def _marked(group: _Open) -> Iterator[_Open]:
    try:
        yield group
    except BaseException:
        group.failed = True
        raise


def _clock_from(began_at: float) -> Callable[[], float]:
    """The server's clock from what it said: a transaction is short, so our own seconds do for the rest of it."""
    offset = began_at - time.monotonic()
    return lambda: offset + time.monotonic()
