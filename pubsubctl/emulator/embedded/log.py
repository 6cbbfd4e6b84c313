"""The message log: topics, subscriptions, messages and acknowledgements in one SQLite file.

Messages are stored once, whatever the number of subscriptions, in rows of many: all that one commit holds for one
topic. Acknowledgements are appended as lists of ids, and now and then folded into their subscription's row: the
``position`` below which everything was loaded, and the ids below it that are not settled. Nothing in here has to
be scanned when the broker starts, and few statements are needed for a thousand messages, which matters since each
of them gives up the interpreter's lock and has to get it back.
"""

from __future__ import annotations

import itertools
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pubsubctl.emulator.embedded.frames import pack, pack_ids, unpack_ids
from pubsubctl.emulator.embedded.group import Group, Sweep
from pubsubctl.emulator.embedded.layout import check, explained, prepare
from pubsubctl.emulator.embedded.messages import Messages
from pubsubctl.emulator.embedded.stored import StoredSnapshot, StoredSubscription

SYNCHRONOUS = {"full": "FULL", "normal": "NORMAL", "memory": "OFF"}
ROW_SIZE = 2**20
ROW_MESSAGES = 2_000
SPARE_PAGES = 4_096
SHRINK_PAGES = 1_024


class Log:
    """One open file. ``commit`` belongs to one thread and ``messages`` to another; both run beside each other."""

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
        with explained(path):
            check(path)
            path.touch(mode=0o600)
            self._writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                prepare(self._writer, path)
                self._writer.execute("PRAGMA journal_mode = WAL")
                self._writer.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
                self._writer.execute("PRAGMA wal_autocheckpoint = 2000")
            except BaseException:
                self._writer.close()
                raise
            self.messages = Messages(sqlite3.connect(path, isolation_level=None, check_same_thread=False))

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self.messages.close()
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

    def subscriptions(self) -> list[StoredSubscription]:
        """Every subscription, by rising uid."""
        rows = self._writer.execute(
            "SELECT uid, topic, config, position, unsettled, origin, epoch, active_at FROM subscriptions ORDER BY uid"
        )
        return [
            StoredSubscription(uid, topic, config, position, unpack_ids(ids), *more)
            for uid, topic, config, position, ids, *more in rows
        ]

    def snapshots(self) -> list[StoredSnapshot]:
        """Every snapshot, by rising uid."""
        rows = self._writer.execute(
            "SELECT uid, topic, config, position, unsettled, settled FROM snapshots ORDER BY uid"
        )
        return [
            StoredSnapshot(uid, topic, config, position, unpack_ids(unsettled), unpack_ids(settled))
            for uid, topic, config, position, unsettled, settled in rows
        ]

    def acks(self, subscription: int) -> list[array[int]]:
        """The acknowledged ids that are not yet folded into the subscription's row."""
        rows = self._writer.execute("SELECT ids FROM acks WHERE subscription = ?", (subscription,))
        return [unpack_ids(ids) for (ids,) in rows]

    def rows(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """What a query finds, for parts of the broker that keep a table of their own."""
        return self._writer.execute(statement, parameters).fetchall()

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

    def shrink(self) -> bool:
        """Give back to the disk some of what is free in the file, if that is much; whether there is more."""
        free = self._count("freelist_count")
        if free < SPARE_PAGES or free * 2 < self._count("page_count"):
            return False
        self._writer.execute(f"PRAGMA incremental_vacuum({SHRINK_PAGES})").fetchall()
        return self._count("freelist_count") < free

    def _count(self, pragma: str) -> int:
        count: int = self._writer.execute(f"PRAGMA {pragma}").fetchone()[0]
        return count

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
        for statement, parameters in group.last:
            self._writer.execute(statement, parameters)
        for sweep in group.sweeps:
            self._sweep(sweep)

    def _sweep(self, sweep: Sweep) -> None:
        rows = self._writer.execute(
            "SELECT rowid, first_id, last_id, published_at FROM messages INDEXED BY messages_by_topic "
            "WHERE topic = ? AND last_id >= ? AND last_id < ? ORDER BY last_id LIMIT ?",
            (sweep.topic, sweep.start, sweep.below, sweep.limit),
        ).fetchall()
        old = list(itertools.takewhile(lambda row: row[3] < sweep.before_s, rows))
        settled = [(rowid,) for rowid, first, last, _ in old if not sweep.keeps(first, last)]
        self._writer.executemany("DELETE FROM messages WHERE rowid = ?", settled)
        sweep.start = rows[-1][2] + 1 if len(old) == sweep.limit else None


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
