"""Named points in the life of a job at which this process can be told to die, to freeze or to wait.

That is how "nothing lost, one result" is shown to hold: a test breaks a process exactly between two steps. Nothing is
armed unless the environment says so, and an unarmed point costs a comparison. What is asked for is read when this
module is imported; ``InvalidSetting`` is raised there when it cannot be understood::

    PUBSUBCTL_FAULT=recorded:kill            SIGKILL where a result is in the store and its message is not acked
    PUBSUBCTL_FAULT=claimed:kill:3           at the third time that it comes by
    PUBSUBCTL_FAULT=committing:wait:5        wait 5 s there, each time
    PUBSUBCTL_FAULT=recorded:stop            SIGSTOP, once

===============  =====================================================================================
point            between
===============  =====================================================================================
``inserted``     the rows of new jobs, and the publish of their messages
``published``    the publish of messages, and the note of it in the store
``noted``        that note, which is written a moment after the publish, and whatever comes next
``delivered``    a message's arrival at a worker, and the claim of its job
``claimed``      a claim, and the run in a child
``ended``        the end of an attempt, and its record
``committing``   before each commit of the worker's recorder
``recorded``     the record of an outcome, and the ack
``acked``        the ack, and whatever comes next: it may not have been sent yet
``swept``        jobs that a sweeper took from the store, and their publish
``republished``  that publish, and its note in the store
``mirrored``     the publish of dead letters, and its note in the store
===============  =====================================================================================
"""

import itertools
import math
import os
import signal
import threading
import time
from collections.abc import Callable

from pubsubctl.errors import InvalidSetting

VARIABLE = "PUBSUBCTL_FAULT"
POINTS = (
    "inserted",
    "published",
    "noted",
    "delivered",
    "claimed",
    "ended",
    "committing",
    "recorded",
    "acked",
    "swept",
    "republished",
    "mirrored",
)
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Fault:
    """What is to happen at one point.

    Args:
        asked: ``POINT:kill[:N]`` or ``POINT:stop[:N]``, for the time that counts; or ``POINT:wait:SECONDS``.

    Raises:
        InvalidSetting: it is none of those.
    """

    def __init__(self, asked: str) -> None:
        self.point, _, action = asked.partition(":")
        if self.point not in POINTS:
            raise InvalidSetting(f"{VARIABLE} names no point, in {asked!r}; use one of {', '.join(POINTS)}")
        try:
            self.hit = _act(*action.split(":"))
        except ValueError as error:
            raise InvalidSetting(
                f"{VARIABLE} must be POINT:kill[:N], POINT:stop[:N] or POINT:wait:SECONDS, not {asked!r}"
            ) from error


def _act(action: str, number: str = "", *more: str) -> Callable[[], None]:
    """What to do each time that somebody comes by."""
    if more:
        raise ValueError(more)
    if action == "wait":
        return _waiting(float(number))
    if action in _SIGNALS:
        return _signalling(_SIGNALS[action], int(number or 1))
    raise ValueError(action)


def _waiting(wait_s: float) -> Callable[[], None]:
    if not 0 <= wait_s < math.inf:
        raise ValueError(wait_s)
    return lambda: time.sleep(wait_s)


def _signalling(number: signal.Signals, turn: int) -> Callable[[], None]:
    if turn < 1:
        raise ValueError(turn)
    turns = itertools.count(1)  # threads may come by together: each gets a number of its own

    def act() -> None:
        if next(turns) == turn:
            # To this thread: where another may get it first, this one would go on for a moment.
            signal.pthread_kill(threading.get_ident(), number)

    return act


_asked = os.environ.get(VARIABLE)
_fault = Fault(_asked) if _asked else None
_watchers: dict[str, Callable[[], None]] = {}


def call_at(name: str, call: Callable[[], None]) -> None:
    """Have ``call`` called each time that this process passes a point: a measurement asks what time it is there."""
    _watchers[name] = call


def point(name: str) -> None:
    """Pass a point; see the module for their names."""
    if _watchers and name in _watchers:
        _watchers[name]()
    if _fault is not None and _fault.point == name:
        _fault.hit()
