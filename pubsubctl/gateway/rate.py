"""How many requests a client may make: a bucket of tokens each, for as many clients as were seen last. Pure."""

import threading
from collections import OrderedDict

_MOST_CLIENTS = 10_000
_BURST_S = 2.0
"""A client that was quiet may ask as often at once as it could have in this time."""


class Rate:
    """Counts requests; any thread may ask.

    Args:
        per_s: how many a second; 0: any number.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s * _BURST_S)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, client: str, now: float) -> float:
        """Count a request.

        Args:
            client: whose it is.
            now: seconds that only rise.

        Returns:
            0 where it may be answered, else after how long the client may ask again; then it was not counted.
        """
        if not self._per_s:
            return 0.0
        with self._lock:
            left, at = self._buckets.pop(client, (self._most, now))
            left = min(self._most, left + (now - at) * self._per_s)
            allowed = left >= 1
            self._buckets[client] = (left - allowed, now)
            if len(self._buckets) > _MOST_CLIENTS:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_s
