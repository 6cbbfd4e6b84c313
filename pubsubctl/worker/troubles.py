"""What has gone wrong and has not come right yet: one log line when it begins, one when it is over."""

import logging
from collections.abc import Mapping

from pubsubctl.worker.presence import Presence

_log = logging.getLogger("pubsubctl.worker")

_NONE: Mapping[str, Presence] = {}


class Troubles:
    """Belongs to one thread.

    Args:
        texts: by the name of a trouble, what is logged when it begins, with ``%s`` for the error, and when it is over.
        part: whose troubles they are.
        shared: by the name of a trouble, what is missed then by other parts too: it is told once for all of them.
    """

    def __init__(
        self, texts: Mapping[str, tuple[str, str]], part: str = "", shared: Mapping[str, Presence] = _NONE
    ) -> None:
        self._texts = texts
        self._part = part
        self._shared = shared
        self._now: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._now

    def began(self, name: str, error: Exception) -> None:
        """It is so now; nothing is logged where it was so already."""
        if name not in self._now:
            self._now.add(name)
            if name in self._shared:
                self._shared[name].missed_by(self._part, self._texts[name][0] % error)
            else:
                _log.error(self._texts[name][0], error)

    def over(self, name: str) -> None:
        """It is not so any more, if it was."""
        if name in self._now:
            self._now.discard(name)
            if name in self._shared:
                self._shared[name].found_by(self._part)
            else:
                _log.warning(self._texts[name][1])
