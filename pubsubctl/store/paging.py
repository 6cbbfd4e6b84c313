"""Where a page of ``find`` ends, as a word that is handed out. Pure."""

import base64
import binascii
import math

from pubsubctl.errors import InvalidCursor
from pubsubctl.job import Job

Position = tuple[float, str]
"""When a job was created, and its id."""
NEWEST: Position = (float("inf"), "")
LAST_ID = "\N{DELETE}"
"""After every id."""


def position(job: Job) -> Position:
    """Where a job stands among all others."""
    return job.created_at, job.id


def cursor_after(last: Job) -> str:
    """The cursor of the page that begins after this job."""
    return cursor_at(position(last))


def cursor_at(end: Position) -> str:
    """The cursor of the page that begins after this position."""
    created_at, job_id = end
    return base64.urlsafe_b64encode(f"{created_at!r} {job_id}".encode()).decode().rstrip("=")


def position_of(cursor: str) -> Position:
    """What a cursor stands for.

    Raises:
        InvalidCursor: it is none.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        created_at, _, job_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(" ")
        found = float(created_at), job_id
    except (binascii.Error, ValueError):
        found = NEWEST
    is_one = bool(found[1]) and found[1].removesuffix(LAST_ID).isprintable() and math.isfinite(found[0])
    if not is_one:
        raise InvalidCursor(f"{cursor!r} is no cursor; pass on the one that the page before gave")
    return found
