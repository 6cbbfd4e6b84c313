"""Very many jobs in a store on SQLite, made of some that are there: writing each would take minutes."""

import sqlite3
from pathlib import Path

_TIMES = ("created_at", "started_at", "finished_at", "not_before", "lease_until", "due_at", "published_at", "at")
_IDS = {"jobs": "id", "requests": "job_id", "responses": "job_id", "events": "job_id"}
_RECOUNT = "UPDATE tallies SET jobs = (SELECT count(*) FROM jobs WHERE jobs.state = tallies.state)"


def multiply(database: Path, times: int, *, apart_s: float) -> int:
    """Have each job so many times, with all that is known of it.

    Args:
        database: the store's file, which nobody else writes meanwhile.
        times: how often each job is there afterwards.
        apart_s: how much older each copy is than the one before.

    Returns:
        How many jobs there are.
    """
    connection = sqlite3.connect(database)
    try:
        with connection:
            for table, id_column in _IDS.items():
                connection.execute(_copies(connection, table, id_column), {"times": times, "apart_s": apart_s})
            connection.execute(_RECOUNT)
        (count,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
        return int(count)
    finally:
        connection.close()


def _copies(connection: sqlite3.Connection, table: str, id_column: str) -> str:
    names = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]
    changed = {id_column: f"{id_column} || '-' || copy", "message_id": "message_id || '-' || copy"} | {
        name: f"{name} - copy * :apart_s" for name in _TIMES
    }
    values = ", ".join(changed.get(name, name) for name in names)
    return (
        "WITH RECURSIVE copies (copy) AS (VALUES (1) UNION ALL SELECT copy + 1 FROM copies WHERE copy < :times - 1) "
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM copies, {table}"
    )
