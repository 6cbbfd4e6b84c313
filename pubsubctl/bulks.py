"""How many requests a client submits at a time, as they come."""

import time
from collections.abc import Iterable, Iterator

from pubsubctl.submission import Submission

BYTES_AT_ONCE = 8_000_000
"""Of bodies, whether they are submitted or read, beyond the one that exceeds it."""
_AT_ONCE = 1000
_SLOW_S = 0.1
"""How long a request may take to come before it, and those before it, wait for no other."""
_LONGEST_S = 0.5
"""How long a request may wait for others, where they come one soon after another."""


def bulks(submissions: Iterable[Submission | None]) -> Iterator[list[Submission]]:
    """Submissions in bulks: full ones, or what there is at a None, or when the next one had to be waited for."""
    bulk: list[Submission] = []
    size = 0
    began = asked = time.monotonic()
    for submission in submissions:
        now = time.monotonic()
        if submission is not None:
            began = began if bulk else now
            bulk.append(submission)
            size += submission.size
        is_late = now - asked > _SLOW_S or now - began > _LONGEST_S
        if bulk and (submission is None or is_late or len(bulk) == _AT_ONCE or size >= BYTES_AT_ONCE):
            yield bulk
            bulk, size = [], 0
        asked = time.monotonic()
    if bulk:
        yield bulk
