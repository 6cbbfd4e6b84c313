"""Connections to PostgreSQL, kept for the next transaction; one that has died meanwhile is nobody's trouble."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from pubsubctl.store.postgresql.address import LOCK_TIMEOUT_S, Address

# A worker writes from three threads; more come in a burst, and go again.
_KEPT, _MORE = 4, 12


@dataclass(slots=True)
class Lent:
    """A connection in a transaction, with the server's time at its beginning."""

    pool: QueuePool
    pooled: PoolProxiedConnection
    began_at: float = 0.0

    @property
    def connection(self) -> "psycopg.Connection[Any]":
        """The driver's own."""
        return driven(self.pooled)


class Pool:
    """Connections to one address. Any thread may borrow one; a process that was forked gets others than its parent."""

    def __init__(self, address: Address) -> None:
        self._pool = QueuePool(
            cast("Callable[[], DBAPIConnection]", address.connect),
            pool_size=_KEPT,
            max_overflow=_MORE,
            timeout=LOCK_TIMEOUT_S,
            use_lifo=True,
            reset_on_return=None,
        )
        self._pid = os.getpid()
        self._parents: list[QueuePool] = []
        self._changing = threading.Lock()
        self._closed = False

    def connect(self) -> PoolProxiedConnection:
        """A connection without a transaction, to be closed by whoever has it."""
        return self._pool.connect()

    def begin(self, how: str) -> Lent:
        """A connection on which a transaction was begun.

        Args:
            how: statements that begin one and tell the server's time.
        """
        pool = self._own()
        pooled = pool.connect()
        try:
            return _begun(Lent(pool, pooled), how)
        except psycopg.OperationalError:
            # It has died while nobody used it, and so have all the others that idle.
            self._renew(pool)
        lent = Lent(self._pool, self._pool.connect())
        return _begun(lent, how)

    def give_back(self, lent: Lent, *, whole: bool) -> None:
        """Take a connection back, for the next transaction if this one has ended well; what it has not, is undone."""
        if not whole or lent.pool is not self._pool or self._closed:
            lent.pooled.invalidate()
        lent.pooled.close()

    def close(self) -> None:
        """Let every connection go; those that are lent, as they come back."""
        with self._changing:
            self._closed = True
            self._pool.dispose()

    def _own(self) -> QueuePool:
        if os.getpid() != self._pid:
            # What the parent has must neither be used nor ended from here.
            self._parents.append(self._pool)
            self._pool, self._pid, self._changing = self._pool.recreate(), os.getpid(), threading.Lock()
        return self._pool

    def _renew(self, pool: QueuePool) -> None:
        with self._changing:
            if self._pool is pool and not self._closed:
                self._pool = pool.recreate()
                pool.dispose()


def _begun(lent: Lent, how: str) -> Lent:
    """Begin, and ask what time it is at the server, all in one journey."""
    try:
        if lent.connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            raise psycopg.OperationalError("a connection came back in the middle of a transaction")
        cursor = lent.connection.execute(how)
        cursor.nextset()
        row = cursor.fetchone()
    except BaseException:
        lent.pooled.invalidate()
        lent.pooled.close()
        raise
    assert row is not None
    lent.began_at = float(row[0])
    return lent


def driven(pooled: PoolProxiedConnection) -> "psycopg.Connection[Any]":
    """The driver's own connection of one from the pool."""
    connection = pooled.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection
