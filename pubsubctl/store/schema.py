"""The tables, as every SQL database gets them.

``jobs`` is what changes; ``requests`` and ``responses`` are written once, so that a job's steps never rewrite a
body; ``events`` holds what a job's own row cannot tell. Only indexes that pay for themselves are here: each serves
one question and says which. Whoever changes a table adds a step to ``migrating``.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, literal_column
from sqlalchemy.sql.elements import ColumnElement

SCHEMA_VERSION = 4

metadata = MetaData()

# SQLite knows one kind of integer, and calls a key by no other name.
_Bytes = BigInteger().with_variant(Integer(), "sqlite")
# Ids are in the order of their characters' numbers, as Python has them, whatever the language of a database.
_Id = Text().with_variant(Text(collation="C"), "postgresql")

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    # In the order of job.Job's own attributes: a row becomes a Job without naming any of them.
    Column("id", _Id, primary_key=True),
    Column("state", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("reason", Text),
    Column("batch_id", Text),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("max_attempts", Integer),
    Column("timeout_s", Float(53)),
    Column("worker", Text),
    Column("message_id", Text),
    Column("not_before", Float(53)),
    Column("started_at", Float(53)),
    Column("finished_at", Float(53)),
    Column("http_status", Integer),
    Column("error", Text),
    Column("progress_fraction", Float(53)),
    Column("progress_note", Text),
    Column("result_bytes", _Bytes),
    Column("idempotency_key", Text),
    Column("ordering_key", Text, nullable=False),
    Column("topic", Text, nullable=False),
    # What a Job does not show.
    Column("lease_until", Float(53)),
    Column("due_at", Float(53)),
    # The first message that the broker had for it; its id is the one that was claimed first, unless it is noted here.
    # What was published later is told by events.
    Column("published_at", Float(53)),
    Column("first_message_id", Text),
    # As they were when somebody asked for another attempt: they count towards no limit any more.
    Column("forgiven_failures", Integer, nullable=False, server_default="0"),
    Column("forgiven_crashes", Integer, nullable=False, server_default="0"),
    # The messages that it had until then, the last of them: another is published, and only that one brings it.
    Column("spent_message_ids", Text),
    # 1 where its request has, or a response had, a body that is kept apart.
    Column("has_payloads", Integer, nullable=False, server_default="0"),
)

requests = Table(
    "requests",
    metadata,
    Column("job_id", _Id, primary_key=True),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # See rows.payload: of a body that is kept apart.
    Column("payload", Text),
    sqlite_with_rowid=False,
)

responses = Table(
    "responses",
    metadata,
    Column("job_id", _Id, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("phrase", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # See rows.payload: of a body that is kept apart.
    Column("payload", Text),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("job_id", _Id, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float(53), nullable=False),
    Column("kind", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text),
    Column("message_id", Text),
    # Of the end of an attempt: when it began.
    Column("began_at", Float(53)),
    Column("text", Text),
    Column("log", Text),
    sqlite_with_rowid=False,
)

workers = Table(
    "workers",
    metadata,
    # In the order of base.WorkerInfo's own attributes.
    Column("id", _Id, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("app", Text, nullable=False),
    Column("subscription", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("busy", Integer, nullable=False),
    Column("started_at", Float(53), nullable=False),
    Column("seen_at", Float(53), nullable=False),
    Column("held", Integer, nullable=False, server_default="0"),
)


def constant(value: str) -> ColumnElement[str]:
    """A word of ours written into the SQL itself, so that a partial plan can see it and nothing is bound for it."""
    return literal_column(f"'{value}'")


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


# find without states; the id breaks the tie among jobs of one call.
Index("jobs_created", jobs.c.created_at, jobs.c.id)
# find by state, purge, and counts, which reads nothing but this index.
Index("jobs_state", jobs.c.state, jobs.c.created_at, jobs.c.id)
# The same within a batch, and by reason.
_partial(
    "jobs_batch",
    *(jobs.c.batch_id, jobs.c.state, jobs.c.created_at, jobs.c.id, jobs.c.reason),
    where=jobs.c.batch_id.is_not(None),
)
# find by reason.
_partial(
    "jobs_reason",
    *(jobs.c.reason, jobs.c.state, jobs.c.created_at, jobs.c.id),
    where=jobs.c.reason.is_not(None),
)
# sweep: finished jobs are not in it, but for dead letters. And pending, which reads nothing but this index.
_partial("jobs_due", jobs.c.topic, jobs.c.due_at, jobs.c.state, jobs.c.not_before, where=jobs.c.due_at.is_not(None))
# add: at most one job of a key.
_partial("jobs_idempotency", jobs.c.idempotency_key, where=jobs.c.idempotency_key.is_not(None), unique=True)
