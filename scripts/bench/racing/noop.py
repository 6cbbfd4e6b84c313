"""The job that is run by everybody: it returns a short text that says which job it was, and does nothing else.

``RACING_FAULT`` has one job go wrong, to see that it is noticed: ``fail:7`` raises in job 7, ``wrong:7`` has it return
what job 8 should, ``late:7`` has it take longer than anybody waits.
"""

import os
import time

VARIABLE = "RACING_FAULT"
FAULTS = ("fail", "wrong", "late")
_LATE_S = 3600.0

_what, _, _which = os.environ.get(VARIABLE, "").partition(":")
_unlucky = int(_which) if _which else None


class Unlucky(Exception):
    """The job that was to fail."""


def answer(number: int) -> str:
    """Do nothing."""
    return expected(number) if number != _unlucky else _go_wrong(number)


def expected(number: int) -> str:
    """What the job of this number is to return."""
    return f"done {number}"


def _go_wrong(number: int) -> str:
    if _what == "fail":
        raise Unlucky(f"job {number} was to fail")
    if _what == "late":
        time.sleep(_LATE_S)
    return expected(number + 1)
