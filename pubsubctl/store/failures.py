"""What goes wrong in SQLite, in our words. The only place where its exceptions, or SQLAlchemy's, are known."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError, StatementError

from pubsubctl.errors import PubsubctlError, StoreError, StoreUnreachable

# By primary result code, https://www.sqlite.org/rescode.html: what may pass, or can be mended where it happens.
_AWAY = {
    sqlite3.SQLITE_BUSY: "is locked by another process that does not let go; find it with 'fuser {path}' and end it",
    sqlite3.SQLITE_LOCKED: "is locked by another connection; try again",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full; make room on it and try again",
    sqlite3.SQLITE_IOERR: "cannot be read or written ({reason}); look at its disk and at the room left on it",
    sqlite3.SQLITE_READONLY: "may not be written; mend the permissions of the file and of its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; see that its folder exists and may be written to",
    sqlite3.SQLITE_PERM: "may not be opened; mend its permissions",
    sqlite3.SQLITE_AUTH: "may not be opened; mend its permissions",
    sqlite3.SQLITE_PROTOCOL: "is locked too often; try again",
    sqlite3.SQLITE_NOMEM: "needs more memory than there is",
}
_REFUSED = {
    sqlite3.SQLITE_NOTADB: "is no SQLite database; name another file for the store",
    sqlite3.SQLITE_CORRUPT: "is damaged ({reason}); move it away, or bring it back from a backup",
}
_PRIMARY = 0xFF


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what the database raises as one of ours, naming the file and what to do.

    Raises:
        StoreUnreachable: the same call may succeed later, or after something outside was mended.
        StoreError: it will not.
    """
    try:
        yield
    except PubsubctlError:
        raise
    except StatementError as error:  # and the driver's own errors, which SQLAlchemy wraps
        raise failure(path, error.orig or error) from error
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise failure(path, error) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreError(f"the store {path} cannot hold a value: {error}") from error


def failure(path: Path, error: BaseException) -> PubsubctlError:
    """Our error for one of the database's."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    reason = " ".join(str(error).split())
    if code in _AWAY:
        return StoreUnreachable(f"the store {path} {_AWAY[code].format(path=path, reason=reason)}")
    if code in _REFUSED:
        return StoreError(f"the store {path} {_REFUSED[code].format(reason=reason)}")
    return StoreError(f"the store {path} refused: {reason}")


def is_busy(error: BaseException) -> bool:
    """Whether another process holds the lock that is asked for."""
    return getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & _PRIMARY == sqlite3.SQLITE_BUSY
