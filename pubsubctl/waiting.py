"""What a client that waits for many jobs looks at, and when."""

import time
from collections.abc import Callable, Collection
from itertools import islice
from typing import TypeVar

from pubsubctl.errors import StoreUnreachable, WaitTimeout

Answer = TypeVar("Answer")

LOOK_S = 1.0
"""The longest that a waiter trusts its watch alone."""
AWAY_S = 60.0
"""How long a store may be away in the middle of a wait: a restart, or another server that takes over."""
_AWAY_PAUSE_S = 0.25
_AT_ONCE = 1000
_RESTS = 9
"""How many times as long as a look at many jobs it rests until the next, where none has ended."""
_SHORT_REST_S, _LONGEST_REST_S = 0.005, 0.1
_MANY = 10


def rest_s(took_s: float, looked_at: int, ended: int) -> float:
    """How long to rest after a look: of many jobs some end at any moment, one alone is to be known of at once."""
    in_vain = 1 - ended / max(looked_at, 1)
    others = min(max(looked_at - 1, 0), _MANY) / _MANY
    return min(max(took_s * _RESTS, _SHORT_REST_S), _LONGEST_REST_S) * others * in_vain


def in_turn(ids: Collection[str], turn: int) -> list[str]:
    """The oldest thousand, where it is likely that some have ended, and another thousand in turn."""
    rest = len(ids) - _AT_ONCE
    start = _AT_ONCE + turn * _AT_ONCE % rest if rest > 0 else len(ids)
    return [*islice(ids, _AT_ONCE), *islice(ids, start, start + _AT_ONCE)]


def time_left(deadline: float | None, pending: int, trusted_s: float = LOOK_S) -> float:
    """How long a waiter may wait for its watch.

    Args:
        deadline: by ``time.monotonic``, or None.
        pending: how many jobs it waits for.
        trusted_s: how long its watch may be trusted alone.

    Raises:
        WaitTimeout: no longer.
    """
    if deadline is None:
        return trusted_s
    left = deadline - time.monotonic()
    if left <= 0:
        raise WaitTimeout("the job has not ended yet; it goes on" if pending == 1 else _still(pending))
    return min(left, trusted_s)


def ride_out(ask: Callable[[], Answer], deadline: float | None, pending: int) -> Answer:
    """What a store answers that may be away for a while: the jobs that somebody waits for go on.

    Args:
        ask: the question.
        deadline: by ``time.monotonic``, or None.
        pending: how many jobs are waited for.

    Raises:
        StoreUnreachable: it was away for ``AWAY_S``.
        WaitTimeout: it was away until the deadline.
    """
    give_up_at = time.monotonic() + AWAY_S
    while True:
        try:
            return ask()
        except StoreUnreachable:
            time_left(deadline, pending)
            if time.monotonic() > give_up_at:
                raise
        time.sleep(_AWAY_PAUSE_S)


def _still(pending: int) -> str:
    return f"{pending:,} jobs have not ended yet; they go on"
