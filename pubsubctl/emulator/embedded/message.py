"""A message on its way through one subscription, and how it is written to the wire.

Messages stay serialized from the publish to the delivery: what a response needs around them is put together
by hand, byte for byte as protobuf would, which is several times quicker than filling message objects.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pubsubctl.emulator.embedded.protocol import PubsubMessage

# Field tags, (number << 3 | wire type), of PubsubMessage, Timestamp, ReceivedMessage and the pull responses.
_MESSAGE_ID = b"\x1a"
_PUBLISH_TIME = b"\x22"
_SECONDS = b"\x08"
_NANOS = b"\x10"
_RECEIVED = b"\x0a"
_ACK_ID = b"\x0a"
_MESSAGE = b"\x12"
_ATTEMPT = b"\x18"


class Message:
    """One message as one subscription has it.

    ``body`` is the serialized PubsubMessage, or None while it is only in the log; ``waiting`` says that the message
    is among the ready ones, ``done`` that it needs no more deliveries, whatever queue it may still stand in. ``outlet``
    is who holds it; ``lapsed`` is the last ack id of a lease that came to its end, and who had that.
    """

    __slots__ = ("ack_id", "attempts", "body", "done", "expiry", "id", "key", "lapsed", "outlet", "size", "waiting")

    def __init__(self, id: int, body: bytes | None, key: str = "") -> None:  # noqa: A002 - the API calls it id
        self.id = id
        self.body = body
        self.key = key
        self.size = len(body) if body is not None else 0
        self.attempts = 0
        self.ack_id = ""
        self.expiry = 0
        self.outlet: Any = None
        self.lapsed: Any = None
        self.waiting = False
        self.done = False


def varint(number: int) -> bytes:
    """``number`` (not negative) as protobuf writes it."""
    if number < 0x80:  # noqa: PLR2004 - seven bits fit one byte
        return bytes((number,))
    parts = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def timestamp(time_ns: int) -> bytes:
    """The publish_time field of a PubsubMessage."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    content = _SECONDS + varint(seconds) + (_NANOS + varint(nanos) if nanos else b"")
    return _PUBLISH_TIME + varint(len(content)) + content


def stamp(message: bytes, message_id: int, publish_time: bytes) -> bytes:
    """A serialized message with its id and publish time (as ``timestamp`` wrote it) added."""
    text = b"%d" % message_id
    return b"%b%b%b%b%b" % (message, _MESSAGE_ID, varint(len(text)), text, publish_time)


def ordering_key(body: bytes) -> str:
    """The ordering key of a serialized message."""
    key: str = PubsubMessage.FromString(body).ordering_key
    return key


def publish_time_ns(body: bytes) -> int:
    """When a serialized message was published, in nanoseconds since 1970."""
    time = PubsubMessage.FromString(body).publish_time
    nanoseconds: int = time.seconds * 1_000_000_000 + time.nanos
    return nanoseconds


def publish_time(message: Any) -> str:
    """When a PubsubMessage was published, as RFC 3339 writes it, in milliseconds."""
    moment = datetime.fromtimestamp(message.publish_time.seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{message.publish_time.nanos // 1_000_000:03d}Z"


def pull_response(messages: Iterable[Message], *, with_attempts: bool) -> bytes:
    """A PullResponse, or equally a StreamingPullResponse, with these messages.

    Args:
        messages: leased messages, bodies present.
        with_attempts: tell ``delivery_attempt``, as subscriptions with a dead-letter policy do.
    """
    parts: list[bytes] = []
    for message in messages:
        body = message.body
        assert body is not None, "only messages that are here are given away"
        ack_id = message.ack_id.encode()
        received = b"%b%b%b%b%b" % (_ACK_ID, varint(len(ack_id)), ack_id, _MESSAGE, varint(len(body)))
        attempt = _ATTEMPT + varint(message.attempts) if with_attempts else b""
        parts += (_RECEIVED, varint(len(received) + len(body) + len(attempt)), received, body, attempt)
    return b"".join(parts)
