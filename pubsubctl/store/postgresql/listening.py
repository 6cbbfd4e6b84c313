"""Waiting for a change of a PostgreSQL store: LISTEN, on a connection of its own."""

import contextlib
import time
from typing import Any

import psycopg

from pubsubctl.store.base import Watch
from pubsubctl.store.postgresql.address import Address

_PAUSE_S = 0.25
"""Between two attempts to connect again."""


def channel_of(schema: str) -> str:
    """What is notified when a store in this schema has changed; channels are a database's, not a schema's."""
    return f"{schema}_changed"


class ListenWatch(Watch):
    """A waiter that outlives its connection: what it may have missed meanwhile counts as a change."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: psycopg.Connection[Any] | None = None
        with contextlib.suppress(psycopg.Error):  # then it connects when it waits
            self._connection = self._connected()

    def wait(self, timeout_s: float) -> bool:
        """See ``Watch.wait``."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                if self._connection is None:
                    self._connection = self._connected()
                    return True
                return any(True for _ in self._connection.notifies(timeout=left, stop_after=1))
            except psycopg.Error:
                self._let_go()
            if time.monotonic() + _PAUSE_S > deadline:
                return True  # whoever reads now learns that the store is away
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        """See ``Watch.close``."""
        self._let_go()

    def _connected(self) -> "psycopg.Connection[Any]":
        connection = self._address.connect()
        try:
            connection.execute(f"LISTEN {channel_of(self._address.schema)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()
