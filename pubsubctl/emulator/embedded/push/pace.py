"""How quickly messages are pushed, from how it went so far: no I/O, no clock.

From cloud.google.com/pubsub/docs/push, "Push backoff" and "Delivery rate".
"""

WINDOW_START = 4
WINDOW_LIMIT = 64
BACKOFF_MINIMUM_S = 0.1
BACKOFF_MAXIMUM_S = 60.0


def backoff_s(failures: int) -> float:
    """How long to wait after the ``failures``-th failure in a row, from 1 on."""
    return min(BACKOFF_MINIMUM_S * 2.0 ** min(failures - 1, 32), BACKOFF_MAXIMUM_S)


class Window:
    """How many requests may be under way: slow start, doubling with every round of successes, halving on a failure."""

    def __init__(self) -> None:
        self.size = WINDOW_START

    def succeeded(self) -> None:
        """A message was acknowledged."""
        self.size = min(self.size + 1, WINDOW_LIMIT)

    def failed(self) -> None:
        """A message was not acknowledged."""
        self.size = max(self.size // 2, 1)


class Backoff:
    """Pauses of a whole subscription, each after failures twice as long as the one before, until a success."""

    def __init__(self) -> None:
        self.resume_at = 0.0
        self._failures = 0

    def succeeded(self) -> None:
        """A message was acknowledged: the next pause is a short one."""
        self._failures = 0

    def failed(self, begun_at: float, now: float) -> None:
        """A message that was sent at ``begun_at`` was not acknowledged; times in seconds on one clock.

        What had been sent before the last pause ended says nothing about the time since, and lengthens no pause.
        """
        if begun_at >= self.resume_at:
            self._failures += 1
            self.resume_at = now + backoff_s(self._failures)
