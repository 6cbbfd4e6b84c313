"""How far a soak is."""

import math
import time

from soaking import verdict
from soaking.scene import Scene, Subscription, everything

BACKLOG = 10_000
QUIET_S = 2.0


class Progress:
    """Counts, from the ledgers and publications of a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def keeps_up(self) -> bool:
        """Whether no subscription's consumer is too far behind."""
        return all(_behind(one) < BACKLOG for one in self._scene.subscriptions)

    def is_quiet(self) -> bool:
        """Whether nothing has come for a while."""
        last_at = max((one.ledger.last_at for one in self._scene.subscriptions), default=-math.inf)
        return time.monotonic() - last_at > QUIET_S

    def line(self, kills: int) -> str:
        """All in one line."""
        scene = self._scene
        answered = sum(topic.published.count()[1] for topic in scene.topics)
        delivered = sum(one.ledger.deliveries for one in scene.subscriptions)
        behind, name = max((_behind(one), one.id) for one in scene.subscriptions)
        return (
            f"{answered:,} published, {delivered:,} delivered, {kills} kills, {len(verdict.noted(scene))} violations; "
            f"{name} is {behind:,} messages behind"
        )


def _behind(subscription: Subscription) -> int:
    """How many messages have not come yet; roughly, where there is a filter."""
    share = 1 if subscription.accepts is everything else 2
    return subscription.topic.published.count()[1] // share - len(subscription.ledger)
