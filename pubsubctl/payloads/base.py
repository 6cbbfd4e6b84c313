"""The contract of a payload place: where bodies are that are too large for a message and a row.

**Keys.** A body has a key of its own, ``STORE/XX/JOB/request`` or ``STORE/XX/JOB/ATTEMPT`` (see ``keys``): all bodies
of a job are in one folder, which goes with the job, and no attempt can overwrite what another has answered. A key comes
from a message, so it is whatever somebody has written there: whoever reads it checks it, and it never leads out of the
place (not by ``..``, by an absolute path, by a URL, or by a link that lies in the place).

**Writing.** A body is there as a whole or not at all: nobody can open what has not been ``commit``-ted. When that has
returned it survives a crash of the machine, as far as the place can promise that. What was begun and not committed,
since its process died, is found by ``unfinished``.

**Reading.** ``open`` gives what was put there and nothing else: length and digest are checked before the caller gets a
byte. Whatever is the matter is one of three things: it is not there (``PayloadMissing``), it is something else
(``PayloadDamaged``), or the place itself cannot be used now (``PayloadsUnreachable``, and trying again may help).

**Memory.** Bodies go through in pieces of ``CHUNK`` bytes or so, whatever their size.

**Order.** A body is written before the row that names it, and a row is deleted before the bodies that it names: a crash
in between leaves a body that no row names, which a walk finds (``orphans``), and never a row without its body.
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Self

from pubsubctl.errors import PayloadDamaged
from pubsubctl.exchange import Payload

CHUNK = 1 << 20


class Writing(ABC):
    """A body on its way into the place. Left without ``commit`` it is as if it had never been begun.

    Attributes:
        key: where it will be.
        size: how many bytes were written so far.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.size = 0
        self._digest = hashlib.sha256()
        self._open = True
        self._pid = os.getpid()

    def write(self, part: bytes | memoryview) -> None:
        """Write on.

        Raises:
            PayloadsUnreachable: it cannot be written.
        """
        self._put(part)
        self._digest.update(part)
        self.size += len(part)

    def commit(self) -> Payload:
        """Have it there for good.

        Raises:
            PayloadsUnreachable: it cannot be; then it is not.
        """
        try:
            self._finish()
        except BaseException:
            self.abort()
            raise
        self._open = False
        return Payload(self.key, self.size, self._digest.hexdigest())

    def abort(self) -> None:
        """Leave nothing behind, as far as that can be; never fails."""
        if self._open and os.getpid() == self._pid:  # a copy that an application forks has no say in it
            self._open = False
            self._discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    @abstractmethod
    def _put(self, part: bytes | memoryview) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _discard(self) -> None: ...


class Payloads(ABC):
    """A place for bodies. Any thread may use it."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, for people: without what would let somebody else in."""

    @abstractmethod
    def check(self) -> None:
        """See that it can be used, before anything depends on it; a directory is made.

        Raises:
            PayloadsUnreachable: it cannot be.
        """

    @abstractmethod
    def create(self, key: str) -> Writing:
        """Begin a body.

        Raises:
            InvalidName: that is no key.
            PayloadsUnreachable: nothing can be written there.
        """

    @abstractmethod
    def open(self, payload: Payload) -> BinaryIO:
        """A body, checked, to be read from its beginning.

        Raises:
            InvalidName: its key is none.
            PayloadDamaged: something else is there.
            PayloadMissing: nothing is there.
            PayloadsUnreachable: it cannot be read.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a body; that it is gone already does no harm.

        Raises:
            PayloadsUnreachable: it cannot be deleted.
        """

    @abstractmethod
    def delete_folder(self, folder: str) -> None:
        """Delete all bodies of a folder (``keys.folder_of``), and what was begun there.

        Raises:
            PayloadsUnreachable: not all of it can be deleted.
        """

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """What lies in a folder: files and folders, by name; nothing if there is no such folder.

        Raises:
            PayloadsUnreachable: it cannot be looked into.
        """

    @abstractmethod
    def changed_at(self, folder: str) -> float | None:
        """When a job's folder, or a file in it, was written last (seconds since the epoch, by the place's clock).

        None: there is no such folder.

        Raises:
            PayloadsUnreachable: it cannot be looked into.
        """

    @abstractmethod
    def delete_unfinished(self, folder: str, *, before: float) -> int:
        """Delete what was begun in a job's folder, never finished, and not written to since; returns how many.

        Raises:
            PayloadsUnreachable: not all of it can be deleted.
        """


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """What is left of a file."""
    while piece := file.read(CHUNK):
        yield piece


def check(payload: Payload, parts: Iterable[bytes], *, where: str) -> Iterator[bytes]:
    """The parts as they come; what is known only behind the last of them is whether they were the right ones.

    Raises:
        PayloadDamaged: they were not.
    """
    digest, size = hashlib.sha256(), 0
    for part in parts:
        digest.update(part)
        size += len(part)
        if size > payload.size:
            break
        yield part
    if size != payload.size:
        more = "more" if size > payload.size else f"{size:,}"
        raise PayloadDamaged(
            f"the body {payload.key} in {where} is damaged: it has {more} of its {payload.size:,} bytes"
        )
    if digest.hexdigest() != payload.digest:
        raise PayloadDamaged(
            f"the body {payload.key} in {where} is damaged: its digest is not that which was noted; "
            "put the right one back, or submit it again"
        )
