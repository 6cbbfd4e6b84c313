"""Which topics and subscriptions a run has beside those that `pubsubctl setup` makes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pubsubctl import names

ACK_DEADLINE_S = 10
MOST_DELIVERIES = 5
"""As few as the service allows before it moves a message to the dead letters."""
_SUBSCRIPTION: Mapping[str, Any] = {
    "ack_deadline_seconds": ACK_DEADLINE_S,
    "message_retention_duration": "600s",
    "expiration_policy": {"ttl": "86400s"},  # what could not be deleted goes by itself, a day later
}


@dataclass(frozen=True)
class Box:
    """A subscription, and the topic that it is to.

    Attributes:
        topic: the full name.
        subscription: the full name.
        values: how the subscription is to be, under the API's field names.
    """

    topic: str
    subscription: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Inventory:
    """All of them, in the order in which they are made.

    Attributes:
        given_up: its messages become dead letters, and are then in ``buried``.
    """

    flow: Box
    stale: Box
    stale_once: Box
    ordered: Box
    once: Box
    buried: Box
    given_up: Box

    @property
    def boxes(self) -> list[Box]:
        """Each of them."""
        return [self.flow, self.stale, self.stale_once, self.ordered, self.once, self.buried, self.given_up]


def inventory(project: str, prefix: str) -> Inventory:
    """What a run makes in a project under a prefix."""

    def box(name: str, **more: Any) -> Box:
        return Box(
            names.topic_path(project, f"{prefix}-{name}"),
            names.subscription_path(project, f"{prefix}-{name}"),
            {**_SUBSCRIPTION, **more},
        )

    buried = box("buried")
    policy = {"dead_letter_topic": buried.topic, "max_delivery_attempts": MOST_DELIVERIES}
    return Inventory(
        flow=box("flow"),
        stale=box("stale"),
        stale_once=box("stale-once", enable_exactly_once_delivery=True),
        ordered=box("ordered", enable_message_ordering=True),
        once=box("once", enable_exactly_once_delivery=True),
        buried=buried,
        given_up=box("given-up", dead_letter_policy=policy),
    )
