"""The stores that are measured. Add one here, by its URL."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Backend:
    """One of them.

    Attributes:
        title: what it is called.
        url: what ``store`` is set to; None for the file of each project of its own. One that outlives the project
            should be empty at first; every point goes on with what the ones before have left.
    """

    title: str
    url: str | None = None


SQLITE = Backend("SQLite")
BACKENDS = (SQLITE,)


def named(url: str) -> Backend:
    """The backend of a URL, without what may be secret in it."""
    parts = urlsplit(url)
    return Backend(f"{parts.scheme}://{parts.hostname or ''}{parts.path}", url)
