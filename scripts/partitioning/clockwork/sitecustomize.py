"""On the path of a host whose clock is wrong: ``time.sleep`` by way of ``select``.

Its own way is to ask the kernel for a moment of the steady clock (clock_nanosleep), of which libfaketime, although it
leaves that clock alone, makes another one, or none at all.
"""

import select
import time


def sleep(seconds: float, /) -> None:
    """As ``time.sleep``."""
    select.select([], [], [], seconds)


time.sleep = sleep  # type: ignore[assignment]
