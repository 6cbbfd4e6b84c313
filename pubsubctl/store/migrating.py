"""A store of an older version becomes one of this version: all of it or nothing, under the write lock.

The statements are written out: what a version was stays so, whatever becomes of ``schema``.
"""

from sqlalchemy.engine import Connection

_TO_2 = (
    "ALTER TABLE jobs ADD COLUMN published_at FLOAT",
    "ALTER TABLE jobs ADD COLUMN first_message_id TEXT",
    "ALTER TABLE jobs ADD COLUMN forgiven_failures INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE jobs ADD COLUMN forgiven_crashes INTEGER DEFAULT '0' NOT NULL",
    "DROP INDEX jobs_batch",
    "DROP INDEX jobs_due",
    "CREATE INDEX jobs_batch ON jobs (batch_id, state, created_at, id, reason) WHERE batch_id IS NOT NULL",
    "CREATE INDEX jobs_reason ON jobs (reason, state, created_at, id) WHERE reason IS NOT NULL",
    "CREATE INDEX jobs_due ON jobs (topic, due_at, state, not_before) WHERE due_at IS NOT NULL",
    """
    CREATE TABLE events (
        job_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        at FLOAT NOT NULL,
        kind TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        worker TEXT,
        message_id TEXT,
        began_at FLOAT,
        text TEXT,
        log TEXT,
        PRIMARY KEY (job_id, number)
    ) WITHOUT ROWID
    """,
)

_TO_3 = (
    "ALTER TABLE jobs ADD COLUMN spent_message_ids TEXT",
    "ALTER TABLE workers ADD COLUMN held INTEGER DEFAULT '0' NOT NULL",
)

_TO_4 = (
    "ALTER TABLE jobs ADD COLUMN claim_token TEXT",
    "ALTER TABLE jobs ADD COLUMN has_payloads INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE requests ADD COLUMN payload TEXT",
    "ALTER TABLE responses ADD COLUMN payload TEXT",
    "CREATE INDEX jobs_finished ON jobs (state, finished_at) WHERE finished_at IS NOT NULL",
    """
    CREATE TABLE tallies (
        state TEXT NOT NULL,
        slot INTEGER NOT NULL,
        jobs INTEGER NOT NULL,
        PRIMARY KEY (state, slot)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO tallies (state, slot, jobs)
    SELECT value, 0, (SELECT count(*) FROM jobs WHERE state = value)
    FROM json_each('["queued", "running", "retrying", "succeeded", "failed", "cancelled"]')
    """,
)

_STEPS = {1: _TO_2, 2: _TO_3, 3: _TO_4}
"""What makes a store of each version one of the next."""


def migrate(connection: Connection, version: int, wanted: int) -> None:
    """Take every step from ``version`` to ``wanted``, in the transaction that is open."""
    for step in range(version, wanted):
        for statement in _STEPS[step]:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql("UPDATE meta SET value = ? WHERE key = 'schema'", (str(wanted),))
