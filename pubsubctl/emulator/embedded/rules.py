"""What of a subscription's settings decides about its deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pubsubctl.emulator.embedded import limits


@dataclass(frozen=True)
class Rules:
    """Times are in seconds."""

    ack_deadline_s: int = 10
    minimum_backoff_s: float = 0.0
    maximum_backoff_s: float = 0.0
    max_delivery_attempts: int = 0
    ordered: bool = False
    exactly_once: bool = False

    @classmethod
    def of(cls, subscription: Any) -> Rules:
        """Those of a complete Subscription message."""
        retry = subscription.retry_policy
        return cls(
            ack_deadline_s=subscription.ack_deadline_seconds,
            minimum_backoff_s=limits.seconds(retry.minimum_backoff),
            maximum_backoff_s=limits.seconds(retry.maximum_backoff),
            max_delivery_attempts=subscription.dead_letter_policy.max_delivery_attempts,
            ordered=subscription.enable_message_ordering,
            exactly_once=subscription.enable_exactly_once_delivery,
        )

    def backoff_s(self, attempts: int) -> float:
        """How long a message waits after its ``attempts``-th delivery failed."""
        return min(self.minimum_backoff_s * 2.0 ** min(attempts - 1, 32), self.maximum_backoff_s)
