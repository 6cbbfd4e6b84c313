"""How many requests a client submits at a time, as they come."""

import time
from collections.abc import Iterable, Iterator

from pubsubctl.submission import Submission

BYTES_AT_ONCE = 8_000_000
"""Of bodies, whether they are submitted or read, beyond the one that exceeds it."""
_AT_ONCE = 1000
_SLOW_S = 0.1
"""How long the next request may take to come before those that have come are submitted without it."""


def bulks(submissions: Iterable[Submission]) -> Iterator[list[Submission]]:
    """Submissions in bulks: full ones, or what there is when the next one had to be waited for."""
    bulk: list[Submission] = []
    size = 0
    coming = iter(submissions)
    while True:
        asked = time.monotonic()
        submission = next(coming, None)
        if submission is not None:
            bulk.append(submission)
            size += submission.size
        slow = time.monotonic() - asked > _SLOW_S
        if bulk and (submission is None or slow or len(bulk) == _AT_ONCE or size >= BYTES_AT_ONCE):
            yield bulk
            bulk, size = [], 0
        if submission is None:
            return
