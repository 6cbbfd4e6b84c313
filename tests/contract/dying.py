"""A process that opens a store, and is killed before the statement of a given number if there are so many."""

import os
import signal
import sys
from itertools import count

from sqlalchemy import Engine, event

from pubsubctl.store.opening import open_store

number, last = count(), int(sys.argv[2])


@event.listens_for(Engine, "before_cursor_execute")
def die(*_: object) -> None:
    if next(number) == last:
        os.kill(os.getpid(), signal.SIGKILL)


open_store(sys.argv[1]).close()
