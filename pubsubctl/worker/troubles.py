"""What has gone wrong and has not come right yet: one log line when it begins, one when it is over."""

import logging
from collections.abc import Mapping

_log = logging.getLogger("pubsubctl.worker")


class Troubles:
    """Belongs to one thread.

    Args:
        texts: by the name of a trouble, what is logged when it begins, with ``%s`` for the error, and when it is over.
    """

    def __init__(self, texts: Mapping[str, tuple[str, str]]) -> None:
        self._texts = texts
        self._now: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._now

    def began(self, name: str, error: Exception) -> None:
        """It is so now; nothing is logged where it was so already."""
        if name not in self._now:
            _log.error(self._texts[name][0], error)
        self._now.add(name)

    def over(self, name: str) -> None:
        """It is not so any more, if it was."""
        if name in self._now:
            _log.warning(self._texts[name][1])
        self._now.discard(name)
