"""What of a subscription's settings decides about its deliveries."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """Times are in seconds."""

    ack_deadline_s: int = 10
    minimum_backoff_s: float = 0.0
    maximum_backoff_s: float = 0.0
    max_delivery_attempts: int = 0
    ordered: bool = False
    exactly_once: bool = False

    def backoff_s(self, attempts: int) -> float:
        """How long a message waits after its ``attempts``-th delivery failed."""
        return min(self.minimum_backoff_s * 2.0 ** min(attempts - 1, 32), self.maximum_backoff_s)
