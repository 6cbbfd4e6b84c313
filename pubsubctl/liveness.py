"""Whether a worker lives, as far as its signs of life tell."""

import os
import socket

from pubsubctl.store.claims import WorkerInfo

ALIVE_S = 60.0
"""How long after its last heartbeat a worker is taken to live."""


def alive(worker: WorkerInfo, now: float, within_s: float = ALIVE_S) -> bool:
    """Whether a worker has given a sign of life lately, and on this machine has its process still."""
    if worker.seen_at is None or now - worker.seen_at > within_s:
        return False
    return worker.host != socket.gethostname() or _is_there(worker.pid)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
