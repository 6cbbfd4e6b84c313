"""Media types, as the names of files suggest them. Pure."""

import mimetypes
from pathlib import Path

_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


def guess_type(path: Path) -> str:
    """The media type that a file's name suggests: of a compressed file, that of the compression."""
    media_type, encoding = mimetypes.guess_type(path.name)
    if encoding is not None:
        return _COMPRESSED.get(encoding, "application/octet-stream")
    return media_type or "application/octet-stream"
