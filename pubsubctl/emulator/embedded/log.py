"""The message log: topics, subscriptions, messages and acknowledgements in one SQLite file.

Messages are stored once, whatever the number of subscriptions, in rows of many: all that one commit holds for one
topic. Acknowledgements are appended as lists of ids, and now and then folded into their subscription's row: the
``position`` below which everything was loaded, and the ids below it that are not settled. Nothing in here has to
be scanned when the broker starts, and few statements are needed for a thousand messages, which matters since each
of them gives up the interpreter's lock and has to get it back.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pubsubctl.emulator.embedded.frames import pack, pack_ids, unpack, unpack_ids
from pubsubctl.emulator.embedded.group import Group, Sweep
from pubsubctl.errors import EmulatorError

APPLICATION_ID = 0x70736374
VERSION = 2
SYNCHRONOUS = {"full": "FULL", "normal": "NORMAL", "memory": "OFF"}
ROW_SIZE = 2**20
ROW_MESSAGES = 2_000

_SCHEMA = """
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


class Log:
    """One open file. ``commit`` belongs to one thread and the reads to another; both run beside each other."""

    def __init__(self, path: Path, *, durability: str = "full") -> None:
        """Open the file, or create it.

        Args:
            path: the file.
            durability: ``full``: a commit survives a power cut; ``normal``: a crash of the process;
                ``memory``: as normal, and quicker where the operating system is slow to write.

        Raises:
            EmulatorError: it is no message log, a newer one, or damaged; it is left as it is.
        """
        self.path = path
        with _explained(path):
            _check(path)
            path.touch(mode=0o600)
            self._writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(SYNCHRONOUS[durability])
            except BaseException:
                self._writer.close()
                raise
            self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._reader.execute("PRAGMA query_only = ON")

    def _prepare(self, synchronous: str) -> None:
        if not self._writer.execute("PRAGMA application_id").fetchone()[0]:
            self._create()
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise EmulatorError(
                f"{self.path} was written by another version (file format {version}, this one reads {VERSION}); "
                "use that version, or name another --data-dir"
            )
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute(f"PRAGMA synchronous = {synchronous}")
        self._writer.execute("PRAGMA wal_autocheckpoint = 2000")

    def _create(self) -> None:
        """Without a write-ahead log yet, so that the file itself says from the start what it is."""
        self._writer.execute("PRAGMA page_size = 8192")
        self._writer.executescript(
            f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
        )

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._reader.close()
        self._writer.close()

    # What the broker starts from

    def counter(self, name: str) -> int:
        """The value of ``next_message``, ``next_resource``, ``runs``, or ``identity``: the file's own, at random."""
        value: int = self._writer.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()[0]
        return value

    def begin_run(self) -> int:
        """Count this run of the broker; ack ids carry its number."""
        self._writer.execute("UPDATE counters SET value = value + 1 WHERE name = 'runs'")
        self._writer.execute("DELETE FROM acks WHERE subscription NOT IN (SELECT uid FROM subscriptions)")
        return self.counter("runs")

    def topics(self) -> list[tuple[int, bool, bytes, int]]:
        """Each topic: uid, whether it was deleted, config, and one more than the id of its last message."""
        rows = self._writer.execute(
            "SELECT uid, deleted, config, (SELECT max(last_id) FROM messages WHERE topic = uid) FROM topics"
        )
        return [(uid, bool(deleted), config, (last or 0) + 1) for uid, deleted, config, last in rows]

    def subscriptions(self) -> list[tuple[int, int, bytes, int, array[int]]]:
        """Each subscription: uid, topic, config, position, unsettled ids."""
        rows = self._writer.execute("SELECT uid, topic, config, position, unsettled FROM subscriptions ORDER BY uid")
        return [(uid, topic, config, position, unpack_ids(ids)) for uid, topic, config, position, ids in rows]

    def acks(self, subscription: int) -> list[array[int]]:
        """The acknowledged ids that are not yet folded into the subscription's row."""
        rows = self._writer.execute("SELECT ids FROM acks WHERE subscription = ?", (subscription,))
        return [unpack_ids(ids) for (ids,) in rows]

    # Reading messages

    def read(self, topic: int, position: int, *, messages: int, size: int) -> tuple[list[tuple[int, bytes]], int]:
        """The topic's messages from id ``position`` on: at least one row of them, until either limit is passed.

        Returns:
            Ids and bodies, and the position after them; ``position`` itself when there are none.
        """
        found: list[tuple[int, bytes]] = []
        rows = self._reader.execute(
            "SELECT frame, last_id FROM messages WHERE topic = ? AND last_id >= ? ORDER BY last_id", (topic, position)
        )
        for frame, last_id in rows:
            found += [(id_, body) for id_, body in unpack(frame) if id_ >= position]
            position = last_id + 1
            size -= len(frame)
            if size <= 0 or len(found) >= messages:
                break
        rows.close()
        return found, position

    def bodies(self, topic: int, ids: list[int], *, size: int) -> dict[int, bytes | None]:
        """The bodies of the first of ``ids`` (rising) until ``size`` is passed; None for one that is not in the log."""
        found: dict[int, bytes | None] = {}
        frame: dict[int, bytes] = {}
        last_id = -1
        for id_ in ids:
            if id_ > last_id:
                frame, last_id = self._frame(topic, id_)
            body = found[id_] = frame.get(id_)
            size -= len(body or b"")
            if size <= 0:
                break
        return found

    def _frame(self, topic: int, id_: int) -> tuple[dict[int, bytes], int]:
        """The row that holds message ``id_`` if any does, and the highest id for which it is the right one to ask."""
        row = self._reader.execute(
            "SELECT frame, last_id FROM messages WHERE topic = ? AND last_id >= ? ORDER BY last_id LIMIT 1",
            (topic, id_),
        ).fetchone()
        return (dict(unpack(row[0])), row[1]) if row else ({}, id_)

    # Writing

    def commit(self, group: Group) -> None:
        """Write a group in one transaction.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._write(group)
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    def _write(self, group: Group) -> None:
        for statement, parameters in group.statements:
            self._writer.execute(statement, parameters)
        if group.next_message:
            self._writer.execute("UPDATE counters SET value = ? WHERE name = 'next_message'", (group.next_message,))
        for topic, messages in group.messages.items():
            for row in _rows(messages):
                self._writer.execute(
                    "INSERT INTO messages VALUES (?, ?, ?, ?, ?)",
                    (topic, row[-1][0], row[0][0], group.time_s, pack(row)),
                )
        # Folding deletes what it replaces, so the acks of this group come after it.
        for uid, (position, unsettled) in group.positions.items():
            self._writer.execute("DELETE FROM acks WHERE subscription = ?", (uid,))
            self._writer.execute(
                "UPDATE subscriptions SET position = ?, unsettled = ? WHERE uid = ?", (position, unsettled, uid)
            )
        for acks in (group.acks, group.moved):
            for uid, ids in acks.items():
                self._writer.execute("INSERT INTO acks VALUES (?, ?)", (uid, pack_ids(ids)))
        for sweep in group.sweeps:
            self._sweep(sweep)

    def _sweep(self, sweep: Sweep) -> None:
        rows = self._writer.execute(
            "SELECT rowid, first_id, last_id FROM messages INDEXED BY messages_by_topic "
            "WHERE topic = ? AND last_id >= ? AND last_id < ? ORDER BY last_id LIMIT ?",
            (sweep.topic, sweep.start, sweep.below, sweep.limit),
        ).fetchall()
        settled = [(rowid,) for rowid, first, last in rows if not sweep.keeps(first, last)]
        self._writer.executemany("DELETE FROM messages WHERE rowid = ?", settled)
        sweep.start = rows[-1][2] + 1 if len(rows) == sweep.limit else None


def _rows(messages: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Cut what one commit holds for a topic into rows of a size that can be read one at a time."""
    row: list[tuple[int, bytes]] = []
    size = 0
    for message in messages:
        if row and (size + len(message[1]) > ROW_SIZE or len(row) >= ROW_MESSAGES):
            yield row
            row, size = [], 0
        row.append(message)
        size += len(message[1])
    yield row


def _check(path: Path) -> None:
    """Refuse a file that is no message log, before anything could change it."""
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
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise unusable(path, "open", error) from error
    except OSError as error:
        raise EmulatorError(f"cannot open the message log {path}: {error.strerror}; name another --data-dir") from error
