"""Reading messages from the log."""

from __future__ import annotations

import sqlite3

from pubsubctl.emulator.embedded.frames import unpack
from pubsubctl.emulator.embedded.message import publish_time_ns


class Messages:
    """The messages in the log; belongs to one thread, and sees what was committed."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Read by this connection, which becomes its own."""
        self._database = database
        database.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Read no more."""
        self._database.close()

    def read(self, topic: int, position: int, *, messages: int, size: int) -> tuple[list[tuple[int, bytes]], int]:
        """The topic's messages from id ``position`` on: at least one row of them, until either limit is passed.

        Returns:
            Ids and bodies, and the position after them; ``position`` itself when there are none.
        """
        found: list[tuple[int, bytes]] = []
        rows = self._database.execute(
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
        row = self._database.execute(
            "SELECT frame, last_id FROM messages WHERE topic = ? AND last_id >= ? ORDER BY last_id LIMIT 1",
            (topic, id_),
        ).fetchone()
        return (dict(unpack(row[0])), row[1]) if row else ({}, id_)

    def published_at(self, topic: int, id_: int) -> int | None:
        """When the first message from id ``id_`` on was written, in seconds since 1970; None if there is none."""
        row = self._row_from(topic, id_)
        return row[1] if row else None

    def first_since(self, topic: int, seconds: int, tail: int) -> int:
        """The id of the first message written at ``seconds`` since 1970 or later; ``tail`` if there is none."""
        low, high = 0, tail
        while low < high:
            middle = (low + high) // 2
            row = self._row_from(topic, middle)
            if row is None or row[1] >= seconds:
                high = middle
            else:
                low = row[0] + 1
        return min(low, tail)

    def first_published(self, topic: int, time_ns: int, tail: int) -> int:
        """The id of the first message whose publish time is ``time_ns`` since 1970 or later; ``tail`` if none is."""
        start = self.first_since(topic, time_ns // 1_000_000_000, tail)
        rows = self._database.execute(
            "SELECT frame FROM messages WHERE topic = ? AND last_id >= ? ORDER BY last_id", (topic, start)
        )
        ids = (id_ for (frame,) in rows for id_, body in unpack(frame) if publish_time_ns(body) >= time_ns)
        first = next(ids, tail)
        rows.close()
        return first

    def _row_from(self, topic: int, id_: int) -> tuple[int, int] | None:
        """The last id of the row that has the first message from ``id_`` on, and when that row was written."""
        row: tuple[int, int] | None = self._database.execute(
            "SELECT last_id, published_at FROM messages WHERE topic = ? AND last_id >= ? ORDER BY last_id LIMIT 1",
            (topic, id_),
        ).fetchone()
        return row
