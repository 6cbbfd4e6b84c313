"""The room that deleted jobs leave in a SQLite file, and how the disk gets it back.

A file that was made with incremental vacuum gives it back piece by piece: pages from the end of the file move into what
is free. The file is cut where the write-ahead log is folded into it. A file of an older version has to be written anew
once, which makes it such a file.
"""

import sqlite3

from pubsubctl.store.answers import Space

INCREMENTAL = "PRAGMA auto_vacuum=INCREMENTAL"
_IS_INCREMENTAL = 2  # https://www.sqlite.org/pragma.html#pragma_auto_vacuum
_PAGES_AT_ONCE = 128
"""A megabyte, some milliseconds: others write too."""
_FOLD_MS = 100


def space(connection: sqlite3.Connection) -> Space:
    """See ``Store.space``."""
    page = _number(connection, "page_size")
    return Space(
        page * _number(connection, "page_count"),
        page * _number(connection, "freelist_count"),
        by_pieces=_number(connection, "auto_vacuum") == _IS_INCREMENTAL,
    )


def surplus(connection: sqlite3.Connection, *, keep: float) -> int:
    """How many pages can be given back piece by piece, if such a share of all, less than 1, may stay free."""
    if _number(connection, "auto_vacuum") != _IS_INCREMENTAL:
        return 0
    free, pages = _number(connection, "freelist_count"), _number(connection, "page_count")
    return max(0, int((free - keep * pages) / (1 - keep)))  # what is cut off is neither free then nor of the whole


def cut(connection: sqlite3.Connection, pages: int) -> bool:
    """Take some of so many free pages off the end of the file; whether there are more.

    As a script: the driver ends other statements that have no columns after the first page.
    """
    connection.executescript(f"PRAGMA incremental_vacuum({min(pages, _PAGES_AT_ONCE)})")
    return pages > _PAGES_AT_ONCE


def fold(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the file, and cut both; left for another time where somebody reads for long.

    Until the readers are gone nobody could write.
    """
    connection.execute(f"PRAGMA busy_timeout={_FOLD_MS}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def rewrite(connection: sqlite3.Connection) -> None:
    """See ``Store.rewrite``. The copy that is made meanwhile is a file: it may not fit into memory."""
    connection.execute("PRAGMA temp_store=FILE")
    connection.execute(INCREMENTAL)
    connection.execute("VACUUM")
    fold(connection)


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number
