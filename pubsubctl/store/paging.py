"""Where a page of ``find`` ends, as a word that is handed out. Pure."""

import base64
import binascii

from pubsubctl.errors import StoreError
from pubsubctl.job import Job

Position = tuple[float, str]
"""When a job was created, and its id."""
NEWEST: Position = (float("inf"), "")
LAST_ID = "\N{DELETE}"
"""After every id."""


def cursor_after(last: Job) -> str:
    """The cursor of the page that begins after this job."""
    return cursor_at((last.created_at, last.id))


def cursor_at(position: Position) -> str:
    """The cursor of the page that begins after this position."""
    created_at, job_id = position
    return base64.urlsafe_b64encode(f"{created_at!r} {job_id}".encode()).decode().rstrip("=")


def position_of(cursor: str) -> Position:
    """What a cursor stands for.

    Raises:
        StoreError: it is none.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        created_at, _, job_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(" ")
        position = float(created_at), job_id
    except (binascii.Error, ValueError):
        position = NEWEST
    if not position[1]:
        raise StoreError(f"{cursor!r} is no cursor; pass on the one that the page before gave")
    return position
