"""What ends everything that children have started, when the worker dies without a chance to do so itself.

The kernel kills the children with their parent, but not what those started. So a small process waits for the end of a
pipe whose other end is the worker's alone, and then looks for what carries the worker's mark; see ``strays``.
"""

import contextlib
import itertools
import logging
import os
import secrets
import select
import subprocess
import sys

from pubsubctl.worker import strays

_log = logging.getLogger("pubsubctl.worker")

_CLOSING_S = 2.0


class Leash:
    """That process, and the marks that it knows."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._descriptors: tuple[int, int] | None = None

    def next_mark(self) -> str:
        """A mark for another child."""
        return f"{self._mark}.{next(self._numbers)}."

    def hold(self) -> None:
        """Start it, if that was not done, and where it can find anything."""
        if self._descriptors is not None or sys.platform != "linux":
            return
        waiting, ours = os.pipe()
        theirs, ending = os.pipe()  # ends with it
        self._descriptors = ours, theirs
        try:
            # It imports next to nothing: -I and -S leave out all that is not Python's own.
            subprocess.run(
                [sys.executable, "-I", "-S", strays.__file__, self._mark],
                stdin=waiting,
                stdout=ending,
                start_new_session=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            _log.warning("if this worker is killed, what its jobs have started may live on: %s", error)
        os.close(waiting)
        os.close(ending)

    def close(self) -> None:
        """Let it look for the last time, and end."""
        if self._descriptors is None:
            return
        ours, theirs = self._descriptors
        os.close(ours)
        with contextlib.suppress(OSError):
            select.select([theirs], [], [], _CLOSING_S)
        os.close(theirs)
        self._descriptors = None
