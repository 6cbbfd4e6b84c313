"""The body of a response as an application gives it: in memory while it is small, in the payload place beyond that."""

from typing import TYPE_CHECKING

from pubsubctl.errors import PubsubctlError

if TYPE_CHECKING:
    from pubsubctl.exchange import Payload
    from pubsubctl.payloads.base import Writing
    from pubsubctl.worker.apart import Later


class ResponseTooLargeError(Exception):
    """The application answered with more than may be kept.

    Attributes:
        limit: the bytes that may be.
        apart: whether that is the most that the payload place takes; else there is none, and a place would help.
    """

    def __init__(self, limit: int, *, apart: bool) -> None:
        super().__init__(limit)
        self.limit = limit
        self.apart = apart


class Collected:
    """A body, piece by piece.

    Args:
        max_bytes: the most that it may have in memory.
        later: where it goes once it is large, if it can.

    Attributes:
        size: how many bytes there are.
        fault: why it cannot be kept: ``ResponseTooLargeError``, or what the payload place raised. Nothing more is taken
            then, and the application may have caught it.
    """

    def __init__(self, max_bytes: int, later: "Later | None" = None) -> None:
        self._later = later
        self._most = max_bytes if later is None else max(later.limit, later.inline_limit)
        self._apart_from = max_bytes if later is None else later.inline_limit
        self._parts: list[bytes] = []
        self._writing: Writing | None = None
        self.size = 0
        self.fault: Exception | None = None

    def add(self, part: bytes) -> None:
        """Take a piece.

        Raises:
            ResponseTooLargeError: that makes it too large.
            PayloadsUnreachable: it cannot be put into the payload place.
        """
        if self.fault is not None:
            raise self.fault
        self.size += len(part)
        if self.size > self._most:
            self._failed(ResponseTooLargeError(self._most, apart=self._later is not None))
        if self._writing is None and self.size <= self._apart_from:
            self._parts.append(part)
            return
        try:
            self._put(part)
        except PubsubctlError as error:
            self._failed(error)

    def finish(self) -> "tuple[bytes, Payload | None]":
        """The body, or what is known of it.

        Raises:
            PayloadsUnreachable: it cannot be put into the payload place.
        """
        if self._writing is None:
            return b"".join(self._parts), None
        try:
            return b"", self._writing.commit()
        except PubsubctlError as error:
            self.fault = error
            raise

    def discard(self) -> None:
        """It is not wanted: leave nothing of it, unless it was finished."""
        self._parts.clear()
        if self._writing is not None:
            self._writing.abort()

    def _put(self, part: bytes) -> None:
        if self._writing is None:
            assert self._later is not None
            self._writing = self._later.begin()
            for earlier in self._parts:
                self._writing.write(earlier)
            self._parts.clear()
        self._writing.write(part)

    def _failed(self, error: Exception) -> None:
        self.fault = error
        self.discard()
        raise error
