"""Whether something that a worker needs is there, told once at each change, however many find out."""

import logging
import threading

_log = logging.getLogger("pubsubctl.worker")


class Presence:
    """What several parts of a worker need, and each may miss. Any thread may call it.

    Args:
        back: what is logged when nobody misses it any more.
    """

    def __init__(self, back: str) -> None:
        self._back = back
        self._lock = threading.Lock()
        self._missed: dict[str, str] = {}

    @property
    def trouble(self) -> str | None:
        """Why it is missed, one line, or None."""
        return next(iter(list(self._missed.values())), None)

    def missed_by(self, part: str, text: str) -> None:
        """It is not there; logged if it was till now."""
        with self._lock:
            first = not self._missed
            self._missed.setdefault(part, text)
        if first:
            _log.error("%s", text)

    def found_by(self, part: str) -> None:
        """It is there; logged if that was the last one to miss it."""
        if part not in self._missed:
            return
        with self._lock:
            last = self._missed.pop(part, None) is not None and not self._missed
        if last:
            _log.warning("%s", self._back)
