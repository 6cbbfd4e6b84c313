"""A process that opens a store, and is killed before the statement of a given number if there are so many."""

import os
import signal
import sys
from itertools import count
from typing import Any

from sqlalchemy import Engine, event

from pubsubctl.store.opening import open_store

number, last = count(), int(sys.argv[2])


def die(_: str) -> None:
    if next(number) == last:
        os.kill(os.getpid(), signal.SIGKILL)


@event.listens_for(Engine, "connect")
def listen(connection: Any, _: object) -> None:
    connection.set_trace_callback(die)


open_store(sys.argv[1]).close()
