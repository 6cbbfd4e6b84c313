"""What time it is by the store, without asking it each time: a worker's own clock may be wrong by minutes."""

import time
from collections.abc import Callable

_EVERY_S = 60.0


class StoreClock:
    """The store's clock: asked once a minute, and told on by our own seconds.

    Any thread may read it; one looks.

    Args:
        ask: the store's time, seconds since the epoch.
        steady: seconds that only rise.

    Raises:
        StoreUnreachable: it cannot be asked for the first time.
    """

    def __init__(self, ask: Callable[[], float], *, steady: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._steady = steady
        self._ahead_s, self._asked_at = self._asked()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._steady() + self._ahead_s

    def look(self) -> None:
        """Ask the store, if it is time for that.

        Raises:
            StoreUnreachable: it does not answer; what it said last stands.
        """
        if self._steady() - self._asked_at >= _EVERY_S:
            self._ahead_s, self._asked_at = self._asked()

    def _asked(self) -> tuple[float, float]:
        began = self._steady()
        now, ended = self._ask(), self._steady()
        return now - (began + ended) / 2, ended
