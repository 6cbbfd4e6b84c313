"""The content of a request before it is submitted: in memory, in a file, or in a stream that can be read once.

What is large is never in memory as a whole: it is asked for its size, and then given in pieces.
"""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pubsubctl.errors import InvalidRequest

PIECE = 1 << 20


class Content(ABC):
    """Bytes to come.

    Attributes:
        size: how many; None where that shows only in the end.
    """

    size: int | None = None

    @abstractmethod
    def pieces(self) -> Iterator[bytes]:
        """All of it, piece by piece; again at every call, unless the size is not known.

        Raises:
            InvalidRequest: it cannot be read.
        """

    def read(self) -> bytes:
        """All of it at once.

        Raises:
            InvalidRequest: it cannot be read.
        """
        return b"".join(self.pieces())


class InMemory(Content):
    """What is there already."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size: int = len(content)

    def pieces(self) -> Iterator[bytes]:
        """See ``Content.pieces``."""
        for start in range(0, self.size, PIECE):
            yield self._content[start : start + PIECE]

    def read(self) -> bytes:
        """See ``Content.read``."""
        return self._content


class InFile(Content):
    """A file, or what is left of one that is open and can be read again.

    Args:
        name: what to call it.
        file: it, if it is open already; then it stays open.
        path: where it is, if not.
    """

    def __init__(self, name: str, size: int, *, file: BinaryIO | None = None, path: Path | None = None) -> None:
        self._name = name
        self._file = file
        self._path = path
        self._start = file.tell() if file is not None else 0
        self.size: int = size

    def pieces(self) -> Iterator[bytes]:
        """See ``Content.pieces``."""
        left = self.size
        try:
            file = self._file or (self._path or Path()).open("rb")
            try:
                file.seek(self._start)
                while piece := file.read(PIECE):
                    left -= len(piece)
                    if left < 0:
                        break
                    yield piece
            finally:
                if self._file is None:
                    file.close()
        except OSError as error:
            raise InvalidRequest(f"cannot read {self._name}: {error.strerror}") from error
        if left:
            raise InvalidRequest(f"{self._name} was changed while it was read; submit it again when it is whole")


class Stream(Content):
    """What can be read once, and says how long it is by its end.

    Args:
        name: what to call it.
        file: it.
        head: what was read of it already.
        owned: whether to close it at its end.
    """

    def __init__(self, name: str, file: BinaryIO, head: bytes = b"", *, owned: bool = False) -> None:
        self._name = name
        self._file = file
        self._head = head
        self._owned = owned

    def pieces(self) -> Iterator[bytes]:
        """See ``Content.pieces``."""
        head, self._head = self._head, b""
        if head:
            yield head
        while piece := self._read(PIECE):
            yield piece

    def peeked(self, most: int) -> Content:
        """It in memory, if it has no more than ``most`` bytes; else the same content, of which more was read.

        Raises:
            InvalidRequest: it cannot be read.
        """
        parts, size = [self._head], len(self._head)
        self._head = b""
        while size <= most and (piece := self._read(min(PIECE, most + 1 - size))):
            parts.append(piece)
            size += len(piece)
        head = b"".join(parts)
        return InMemory(head) if size <= most else Stream(self._name, self._file, head, owned=self._owned)

    def _read(self, size: int) -> bytes:
        try:
            piece = self._file.read(size)
        except OSError as error:
            raise InvalidRequest(f"cannot read {self._name}: {error.strerror}") from error
        if not isinstance(piece, bytes):
            raise InvalidRequest(f"cannot read {self._name}: it gives text; open it in binary mode")
        if not piece and self._owned:
            self._file.close()
        return piece


def of_path(path: Path) -> Content:
    """A file as it is on disk; a pipe, whose length nobody knows, is a stream.

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        found = path.stat()
        is_file = stat.S_ISREG(found.st_mode) and found.st_size > 0  # those of /proc say 0, whatever they have
        if not (is_file or stat.S_ISDIR(found.st_mode)):
            return Stream(str(path), path.open("rb"), owned=True)
        with path.open("rb"):
            return InFile(str(path), found.st_size, path=path)
    except OSError as error:
        raise InvalidRequest(f"cannot read {path}: {error.strerror}") from error


def of_open_file(file: BinaryIO) -> Content:
    """What is left of an open file. It stays open, and must be until it was submitted.

    Raises:
        InvalidRequest: it cannot be read, or gives text.
    """
    name = str(getattr(file, "name", "the file"))
    if hasattr(file, "encoding"):
        raise InvalidRequest(f"cannot read {name}: it gives text; open it in binary mode")
    if not getattr(file, "seekable", bool)():
        return Stream(name, file)
    here = file.tell()
    size = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    return InFile(name, size, file=file)
