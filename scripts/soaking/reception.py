"""What every consumer does with what it receives, before anything else: see that it is whole, and tell the ledger."""

import time
from typing import Any

from soaking.content import filled
from soaking.delivery import Delivery, stamp_of
from soaking.scene import ATTEMPTS, BURIED, Scene, Subscription

SOURCE = "CloudPubSubDeadLetterSource"


class Reception:
    """Of one subscription."""

    def __init__(self, scene: Scene, subscription: Subscription) -> None:
        self._subscription = subscription
        self._ledger = subscription.ledger
        self._topic = scene.dying if subscription.id == BURIED else subscription.topic

    def receive(
        self,
        message: Any,
        ack_id: str,
        *,
        asked_at: float | None = None,
        calm_life: int | None = None,
    ) -> Delivery:
        """Note one message that arrived.

        Args:
            message: a PubsubMessage, or the client's message, which has the same attributes.
            ack_id: its ack id.
            asked_at: when the pull that brought it was sent.
            calm_life: see Delivery.
        """
        delivery = Delivery(
            message_id=int(message.message_id),
            own=message.attributes["own"],
            stamp=stamp_of(ack_id),
            at=time.monotonic(),
            asked_at=asked_at,
            key=message.ordering_key,
            published_at=message.publish_time.timestamp(),
            calm_life=calm_life,
        )
        self._inspect(message, delivery.own)
        self._ledger.delivered(delivery)
        return delivery

    def _inspect(self, message: Any, own: str) -> None:
        publication = self._topic.published.find(own)
        if publication is None or message.data != filled(own, publication.size):
            self._ledger.violate("not what was published", f"{own}: {message.data[:60]!r}")
        if not self._subscription.accepts(own):
            self._ledger.violate("not for this filter", own)
        if self._subscription.id == BURIED and int(message.attributes.get(f"{SOURCE}DeliveryCount", 0)) < ATTEMPTS:
            self._ledger.violate("buried too early", f"{own}: {dict(message.attributes)}")
