"""Marks in what a child prints, for a worker that makes lines of a log of it: whose each piece is. Pure.

Jobs of one child follow upon one another faster than their output is read, and with threads they print at the same
time; so only the child can tell what belongs to which attempt. It writes ``RS @ job : attempt : level RS`` before, and
``RS @end RS`` behind, whatever it writes for one; the level is that of a record of the application's own loggers, or 0.
"""

import re
from typing import NamedTuple

_MARKER = b"\x1e"
_LONGEST = 100
_HIGHEST_LEVEL = 99_999
_END = b"\x1e@end\x1e"
_MARK = re.compile(rb"\x1e@(?:end|([A-Za-z0-9_-]{1,64}):(\d{1,10}):(\d{1,5}))\x1e")
_BEGUN = re.compile(rb"\x1e(?:@[A-Za-z0-9_:-]{0,90})?\Z")
_AS_TEXT = re.compile(_MARK.pattern.decode())
_MOST = 4096 - _LONGEST - len(_END)
"""A pipe takes so many bytes, with their marks, as one piece: those of other threads do not get between (PIPE_BUF)."""


class Mark(NamedTuple):
    """What a piece of output belongs to."""

    job_id: str
    attempt: int
    level: int = 0


def marked(mark: Mark, data: bytes) -> list[bytes]:
    """What is to be written for an attempt, in pieces that are each to be one write."""
    data = data.replace(_MARKER, b"?")  # which an application may have been given by somebody else
    level = min(max(0, mark.level), _HIGHEST_LEVEL)
    before = b"\x1e@%s:%d:%d\x1e" % (mark.job_id.encode(), mark.attempt, level)
    return [before + data[start : start + _MOST] + _END for start in range(0, len(data), _MOST)]


def unmarked(text: str) -> str:
    """Text without its marks."""
    return _AS_TEXT.sub("", text)


class Sorter:
    """Takes one child's output, in pieces that may end anywhere, even inside a mark."""

    def __init__(self) -> None:
        self._mark: Mark | None = None
        self._rest = b""

    def sorted(self, data: bytes) -> list[tuple[Mark | None, bytes]]:
        """The bytes with what they belong to; None where they have no mark. No bytes are the end of the output."""
        whole, found, at = self._rest + data, [], 0
        for match in _MARK.finditer(whole):
            found.append((self._mark, whole[at : match.start()]))
            job_id, attempt, level = match.groups()
            self._mark = Mark(job_id.decode(), int(attempt), int(level)) if job_id else None
            at = match.end()
        begun = _BEGUN.search(whole, at) if data else None
        until = begun.start() if begun else len(whole)
        self._rest = whole[until:]
        found.append((self._mark, whole[at:until]))
        return [(mark, piece) for mark, piece in found if piece]
