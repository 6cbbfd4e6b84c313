"""A transaction of PostgreSQL, where others write at the same time: rows are locked, and nobody waits in a circle.

Whoever locks several rows does it in the order of their ids, so of two transactions one waits for the other, and
never each for the other. That holds for one call. In a group, a later call may ask for a row of somebody who waits for
one of ours: so what a group locks later, it waits for no longer than a moment, and answers what it did not get.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.sql import select, text

from pubsubctl.store.postgresql.batching import run_at_once
from pubsubctl.store.schema import jobs
from pubsubctl.store.statements import AnyOf, Row, Statement
from pubsubctl.store.transaction import Transaction

_MOMENT_MS = 100
_KNOWN = Statement(select(jobs.c.id).where(AnyOf(jobs.c.id)))
_FREE = Statement(select(jobs.c.id).where(AnyOf(jobs.c.id)).order_by(jobs.c.id).with_for_update(skip_locked=True))
# Two names of one number wait for each other without need, and that is all.
_NAMES = Statement(
    text(
        "SELECT pg_advisory_xact_lock(number) FROM (SELECT DISTINCT hashtextextended(name, 0) AS number "
        "FROM unnest(CAST(:keys AS text[])) AS name ORDER BY number) AS numbers"
    )
)
_TRY_NAMES = Statement(
    text("SELECT name, pg_try_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(CAST(:keys AS text[])) AS name")
)


class PostgresTransaction(Transaction):
    """One open transaction of one thread; see ``Transaction``.

    Args:
        connection: where it is open.
        dialect: how its SQL is written.
        clock: the store's clock.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", dialect: Dialect, clock: Callable[[], float]) -> None:
        super().__init__(cast("DBAPIConnection", connection), dialect, clock, list)
        self._psycopg = connection
        self.changed = False
        """Whether it has written anything."""

    def run(self, statement: Statement, rows: Sequence[Row]) -> int:
        """See ``Transaction.run``."""
        if statement.at_once and len(rows) > 1:
            touched = run_at_once(self._psycopg, self._dialect, statement, rows)
        else:
            touched = super().run(statement, rows)
        self.changed = self.changed or touched > 0
        return touched

    def change(self, statement: Statement, **parameters: Any) -> int:
        """See ``Transaction.change``."""
        touched = super().change(statement, **parameters)
        self.changed = self.changed or touched > 0
        return touched

    def lock_any(
        self, waiting: Statement, skipping: Statement, keys: Sequence[str]
    ) -> tuple[Sequence[Any], frozenset[str]]:
        """See ``Transaction.lock_any``."""
        if not self.changed:  # it has no locks yet that anybody could wait for
            return self.fetch_any(waiting, keys), frozenset()
        rows = list(self.fetch_any(skipping, keys))
        left = set(keys).difference(row[0] for row in rows)
        taken = [row[0] for row in self.fetch_any(_KNOWN, list(left))]
        if not taken:
            return rows, frozenset()
        try:
            with self._psycopg.transaction():  # a savepoint: what was locked before stays so
                self._psycopg.execute(f"SET LOCAL lock_timeout TO {_MOMENT_MS}")
                rows.extend(self.fetch_any(waiting, taken))
                self._psycopg.execute("SET LOCAL lock_timeout TO DEFAULT")
        except psycopg.errors.LockNotAvailable:
            return rows, frozenset(taken)
        return rows, frozenset()

    def free(self, keys: Sequence[str]) -> frozenset[str]:
        """See ``Transaction.free``."""
        return frozenset(row[0] for row in self.fetch_any(_FREE, keys))

    def wait_for_names(self, names: Sequence[str]) -> None:
        """See ``Transaction.wait_for_names``."""
        self.fetch_any(_NAMES, names)

    def take_names(self, names: Sequence[str]) -> frozenset[str]:
        """See ``Transaction.take_names``."""
        return frozenset(row[0] for row in self.fetch_any(_TRY_NAMES, names) if row[1])
