"""The message log's file format: its tables, and how a file of an earlier format becomes one of this.

A format is only ever added to: ``_STEPS`` has, for each earlier one, what makes it the next. A file is converted in
one transaction when it is opened, so a process killed meanwhile leaves it as it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pubsubctl.errors import EmulatorError

APPLICATION_ID = 0x70736374
VERSION = 3
REWRITTEN_PAGES = 25_000

_FORMAT_2 = """
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES
    ('next_message', 1), ('next_resource', 1), ('runs', 0), ('identity', random() & 0x7fffffffffff);
CREATE TABLE topics (
    uid INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    config BLOB NOT NULL
);
CREATE UNIQUE INDEX topics_by_name ON topics (name) WHERE NOT deleted;
CREATE TABLE subscriptions (
    uid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    topic INTEGER NOT NULL,
    config BLOB NOT NULL,
    position INTEGER NOT NULL,
    unsettled BLOB NOT NULL
);
CREATE TABLE messages (
    topic INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    frame BLOB NOT NULL
);
CREATE UNIQUE INDEX messages_by_topic ON messages (topic, last_id, first_id);
CREATE TABLE acks (subscription INTEGER NOT NULL, ids BLOB NOT NULL);
CREATE INDEX acks_by_subscription ON acks (subscription);
"""

# `origin` is the position that a subscription was made at; `epoch` the number of the run, or the seek, since when its
# ack ids count; `active_at` when it was last in use, in seconds since 1970.
_FORMAT_3 = """
ALTER TABLE subscriptions ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;
UPDATE subscriptions SET origin = position, active_at = strftime('%s', 'now');
CREATE TABLE snapshots (
    uid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    topic INTEGER NOT NULL,
    config BLOB NOT NULL,
    position INTEGER NOT NULL,
    unsettled BLOB NOT NULL,
    settled BLOB NOT NULL
);
CREATE TABLE schemas (
    name TEXT NOT NULL,
    revision TEXT NOT NULL,
    position INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (name, revision)
) WITHOUT ROWID;
CREATE TABLE policies (resource TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
"""

_STEPS = {2: _FORMAT_3}


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the file that ``connection`` is open on one of this format.

    Raises:
        EmulatorError: it has a format that cannot be converted; it is left as it is.
        sqlite3.Error: it cannot be written, or is damaged.
    """
    if not connection.execute("PRAGMA application_id").fetchone()[0]:
        # Without a write-ahead log yet, so that the file itself says from the start what it is.
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _convert(connection, _FORMAT_2 + _FORMAT_3, VERSION)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version in _STEPS:
        _let_shrink(connection)
    while version in _STEPS:
        _convert(connection, _STEPS[version], version + 1)
        version += 1
    if version != VERSION:
        raise EmulatorError(
            f"{path} was written by another version (file format {version}, this one reads {VERSION}); "
            "use that version, or name another --data-dir"
        )


def _let_shrink(connection: sqlite3.Connection) -> None:
    """Make a file of the format before 3 one that can give room back.

    It is written anew for that. A large one stays as it is, as nobody should wait for it, and so does one for which
    there is no room.
    """
    if connection.execute("PRAGMA page_count").fetchone()[0] > REWRITTEN_PAGES:
        return
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")


def _convert(connection: sqlite3.Connection, statements: str, version: int) -> None:
    try:
        connection.executescript(
            f"BEGIN; {statements} PRAGMA user_version = {version}; PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
        )
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check(path: Path) -> None:
    """Refuse a file that is no message log, before anything could change it.

    Raises:
        EmulatorError: it is something else.
    """
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        header = file.read(72)
    if not header.startswith(b"SQLite format 3\0"):
        raise EmulatorError(f"{path} is no message log of the embedded emulator; name another --data-dir")
    if int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise EmulatorError(f"{path} is the database of another program; name another --data-dir")


def unusable(path: Path, verb: str, error: sqlite3.DatabaseError) -> EmulatorError:
    """What to say when one cannot ``verb`` the log at ``path``."""
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return EmulatorError(f"cannot {verb} the message log {path}: the disk is full; make room on it")
    return EmulatorError(
        f"cannot {verb} the message log {path}: {error}; move it away to start anew, or name another --data-dir"
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say what it means that the log at ``path`` cannot be opened.

    Raises:
        EmulatorError: for any error of the database or the file system.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise unusable(path, "open", error) from error
    except OSError as error:
        raise EmulatorError(f"cannot open the message log {path}: {error.strerror}; name another --data-dir") from error
