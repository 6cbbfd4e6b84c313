"""Documents of unfinished jobs as this process has written them last.

Who has claimed a job records it next, and who has added it notes its message: each would read what it has just written.
What is taken from here is never trusted: it is compared with what there is when it is written, and read if it is not.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from pubsubctl.store.firestore.service import Found

MOST = 20_000


class Cache:
    """The last ``MOST`` of them. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: OrderedDict[str, Found] = OrderedDict()

    def known(self, paths: Iterable[str]) -> dict[str, Found]:
        """Those of these documents that are here."""
        with self._lock:
            return {path: found for path in paths if (found := self._documents.get(path)) is not None}

    def keep(self, path: str, found: Found | None) -> None:
        """A document is so now; None where it is of no use any more."""
        with self._lock:
            self._documents.pop(path, None)
            if found is not None:
                self._documents[path] = found
                if len(self._documents) > MOST:
                    self._documents.popitem(last=False)

    def forget(self, paths: Iterable[str]) -> None:
        """These are not what they were."""
        with self._lock:
            for path in paths:
                self._documents.pop(path, None)
