"""Which payload place a setting means: a directory, or a URL of fsspec's."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pubsubctl.credentials.asked import Asked

if TYPE_CHECKING:  # every command loads the settings, and with them this; few commands ever open a place
    from pubsubctl.payloads.base import Payloads

_FILE = "file://"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class Terms:
    """What whoever keeps bodies apart goes by.

    Attributes:
        place: the setting ``payloads``.
        store_id: the store whose jobs they are of.
        inline_limit: bytes up to which a body stays in its message, or in its row.
        limit: bytes beyond which none is taken.
        credentials: for a place of Google's.
    """

    place: str
    store_id: str
    inline_limit: int
    limit: int
    credentials: Asked = field(default_factory=Asked)

    def dump(self) -> str:
        """As one argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> "Terms":
        """The inverse of ``dump``."""
        values = json.loads(text)
        return cls(**values | {"credentials": Asked(**values["credentials"])})

    def open(self, *, is_made: bool = False) -> "Payloads":
        """Open the place; see ``open_place``."""
        return open_place(self.place, credentials=self.credentials, is_made=is_made)


def open_place(place: str, *, credentials: Asked | None = None, is_made: bool = False) -> "Payloads":
    """The place that a setting names; fsspec is imported for a URL alone.

    Args:
        place: a path, or a URL; ``file://`` is a path too.
        credentials: for Google's; None: application default credentials.
        is_made: whether somebody has made it already: a directory that is not there then was unmounted.

    Raises:
        InvalidSetting: what it needs is not installed, or no place is called so.
        PayloadsUnreachable: it cannot be opened.
    """
    path = place.removeprefix(_FILE)
    if _SCHEME.match(path):
        from pubsubctl.payloads.url import Url

        return Url(place, credentials=credentials or Asked())
    from pubsubctl.payloads.directory import Directory

    return Directory(Path(path).expanduser(), is_made=is_made)
