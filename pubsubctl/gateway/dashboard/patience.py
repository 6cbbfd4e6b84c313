"""How often somebody may be wrong about the token."""

import threading
import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 60.0
_MOST_OF_ONE = 5
_MOST_OF_ALL = 100
_ADDRESSES = 1000


class Patience:
    """Counts failed attempts to sign in, by address and in all; there are no more than so many in a minute.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all: deque[float] = deque(maxlen=_MOST_OF_ALL)
        self._by_address: dict[str, deque[float]] = {}

    def wait_s(self, address: str) -> float:
        """How long somebody at this address has to wait before the next attempt is looked at; 0 where he need not."""
        with self._lock:
            of_one = self._by_address.get(address, deque())
            return max(self._left(of_one, _MOST_OF_ONE), self._left(self._all, _MOST_OF_ALL))

    def failed(self, address: str) -> None:
        """Count one more attempt that was wrong."""
        with self._lock:
            now = self._clock()
            self._all.append(now)
            of_one = self._by_address.pop(address, None) or deque(maxlen=_MOST_OF_ONE)
            of_one.append(now)
            self._by_address[address] = of_one
            while len(self._by_address) > _ADDRESSES:
                del self._by_address[next(iter(self._by_address))]

    def _left(self, failures: deque[float], most: int) -> float:
        """Until the oldest of the last ``most`` failures is a minute ago."""
        return max(0.0, failures[0] + _WINDOW_S - self._clock()) if len(failures) == most else 0.0
