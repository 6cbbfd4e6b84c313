"""Which store a setting means: the scheme of its URL says so.

A package of somebody else's adds a store by an entry point of the group ``pubsubctl.stores``, named after its scheme::

    [project.entry-points."pubsubctl.stores"]
    mongodb = "pubsubctl_mongodb:open_store"

It names a function that is called as ``open_store(url, clock=None, create=True)`` and returns a ``base.Store``.
"""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from pubsubctl.errors import InvalidSetting
from pubsubctl.store.base import Store

ENTRY_POINTS = "pubsubctl.stores"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# By the scheme of the URL: where the store is opened, and the extra that installs what it needs. Imported when it is
# asked for: SQLAlchemy alone takes as long as everything else that a command imports.
_OURS: dict[str, tuple[str, str | None]] = {
    "sqlite": ("pubsubctl.store.sqlitefile", None),
    "postgresql": ("pubsubctl.store.postgresql.opening", "postgres"),
    "postgres": ("pubsubctl.store.postgresql.opening", "postgres"),
    "firestore": ("pubsubctl.store.firestore.opening", "firestore"),
}


class Opener(Protocol):
    """What opens the stores of a scheme."""

    def __call__(self, url: str, *, clock: Callable[[], float] | None, create: bool) -> Store:
        """Open the store that ``url`` names; see ``open_store``."""


def open_store(url: str, *, clock: Callable[[], float] | None = None, create: bool = True) -> Store:
    """Open the store that ``url`` names, and make it if it does not exist.

    Args:
        url: a path, or ``sqlite:///path``, for SQLite; of another store, whatever its scheme says.
        clock: what tells the time instead of the store's own clock: for tests.
        create: whether to make it; whoever only asks should not leave an empty store behind.

    Raises:
        InvalidSetting: no store is called so, or what it needs is not installed.
        StoreUnreachable: it cannot be opened or written.
        StoreError: what is there is not a store of ours, or of a newer version.
    """
    match = _SCHEME.match(url)
    return _opener(match.group(1).lower() if match else "sqlite")(url, clock=clock, create=create)


def _opener(scheme: str) -> Opener:
    if scheme in _OURS:
        module, extra = _OURS[scheme]
        try:
            opener: Opener = import_module(module).open_store
        except ModuleNotFoundError as error:
            if extra is None or (error.name or "").startswith("pubsubctl"):
                raise
            raise InvalidSetting(
                f"a store {scheme}:// needs {error.name}, which is not installed; pip install 'pubsubctl[{extra}]'"
            ) from error
        return opener
    return _somebody_elses(scheme)


def _somebody_elses(scheme: str) -> Opener:
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINTS)
    if scheme not in found.names:
        known = ", ".join(f"{name}://" for name in sorted({*_OURS, *found.names}))
        raise InvalidSetting(f"no store is called {scheme}://; use a path (SQLite), or one of {known}")
    entry = found[scheme]
    try:
        opener: Opener = entry.load()
    except Exception as error:  # whatever their module does
        name = entry.dist.name if entry.dist is not None else entry.value
        raise InvalidSetting(f"the store {scheme}:// of {name} cannot be loaded: {error!r}") from error
    return opener
