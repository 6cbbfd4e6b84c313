"""A SQLite file as the store: made where there is none, opened where there is one."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pubsubctl.errors import InvalidSetting, StoreError, StoreUnreachable
from pubsubctl.state import DIRECTORY
from pubsubctl.store.base import Store

_SQLITE = "sqlite:///"
_EXISTING = "a path or sqlite:///path (SQLite)"

# Closing any descriptor of a file drops all locks that this process has on it, SQLite's too
# (https://www.sqlite.org/howtocorrupt.html, 2.2): nobody may open the file while it is being made.
_making = threading.Lock()


def open_store(url: str, *, clock: Callable[[], float] | None = None, create: bool = True) -> Store:
    """Open the file that ``url`` names, and make it if it does not exist; see ``opening.open_store``.

    Args:
        url: ``sqlite:///relative/path``, ``sqlite:////absolute/path``, or a path.
        clock: what tells the time, which SQLite itself does not: the machine's clock unless given.
        create: whether to make it.
    """
    path = _sqlite_path(url)
    with _making:
        if create:
            _make(path)
        elif not os.access(path, os.F_OK):
            raise StoreUnreachable(f"there is no store {path}; `pubsubctl setup` makes it, or name another --store")
        else:
            _check(path)
        # Imported when it is needed: SQLAlchemy alone takes as long as everything else that a command imports.
        from pubsubctl.store.sql import SqlStore
        from pubsubctl.store.sqlite import SqliteDatabase

        return SqlStore(SqliteDatabase(path, clock or time.time))


def _sqlite_path(url: str) -> Path:
    name = url.removeprefix(_SQLITE)
    if "://" in name:
        raise InvalidSetting(f"no store is called {url!r}; use {_EXISTING}")
    if name in {"", ":memory:"}:
        raise InvalidSetting(f"the store {url!r} names no file that processes could share; use {_EXISTING}")
    return Path(name).expanduser()


def _make(path: Path) -> None:
    try:
        if path.parent.name == DIRECTORY:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        _check(path)
    except OSError as error:
        raise StoreUnreachable(
            f"cannot make the store {path}: {error.strerror}; see that its folder exists and may be written to"
        ) from error


def _check(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"the store {path} is no file; name another one")
    # SQLite writes its journal beside the file.
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreUnreachable(f"the store {path} may not be written; mend the permissions of the file and its folder")
