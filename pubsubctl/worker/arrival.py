"""A message as it came by a stream."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pubsubctl.worker.leases import Leases


class Arrival:
    """See ``delivery.Message``. Its lease is kept until one of ``ack``, ``nack`` and ``drop`` was called, once.

    Args:
        received: a ``ReceivedMessage`` of bare protobuf.
        leases: whoever keeps it.
        stream: what it came by.

    Attributes:
        leased_at: by ``time.monotonic``, when its lease began last.
    """

    __slots__ = (
        "_leases",
        "ack_id",
        "attributes",
        "data",
        "delivery_attempt",
        "leased_at",
        "message_id",
        "ordering_key",
        "published_at",
        "stream",
    )

    def __init__(self, received: Any, leases: "Leases", stream: object, leased_at: float) -> None:
        message = received.message
        published = message.publish_time
        self._leases = leases
        self.stream = stream
        self.leased_at = leased_at
        self.ack_id: str = received.ack_id
        self.delivery_attempt: int = received.delivery_attempt
        self.message_id: str = message.message_id
        self.data: bytes = message.data
        self.attributes: dict[str, str] = dict(message.attributes)
        self.ordering_key: str = message.ordering_key
        self.published_at: float = published.seconds + published.nanos / 1e9

    def ack(self, *others: "Arrival") -> None:
        """Done for good, as these others."""
        self._leases.ack([self, *others])

    def nack(self, *others: "Arrival") -> None:
        """Deliver it again, and these others after it."""
        self._leases.nack([self, *others])

    def drop(self) -> None:
        """Keep its lease no longer."""
        self._leases.drop(self)
