"""Flow control of a stream: how much is out at once."""

from typing import Any

from harness.case import Case
from harness.expected import OneOf
from harness.kit import Kit
from harness.sources import reference
from harness.stream import Stream

MESSAGES = reference("StreamingPullRequest.max_outstanding_messages")
BYTES = reference("StreamingPullRequest.max_outstanding_bytes")


def _limited(kit: Kit, data: list[str], **limit: int) -> tuple[str, Stream]:
    topic, subscription = kit.pair()
    kit.publish(topic, *data)
    return subscription, kit.stream(subscription, **limit)


def _rest(kit: Kit, subscription: str, stream: Stream, least: int) -> Any:
    """How many the stream has, and how many of at most one are left for a pull, once the server had its turn."""
    stream.data(least)
    rest = kit.pull_now(subscription, 1)
    return len(stream.data(least + 1, within_s=0.3)), len(rest)


def _messages(kit: Kit) -> Any:
    subscription, stream = _limited(kit, list("abcdefgh"), max_outstanding_messages=3)
    return _rest(kit, subscription, stream, 3)


def _after_ack(kit: Kit) -> Any:
    subscription, stream = _limited(kit, list("abcdefgh"), max_outstanding_messages=3)
    stream.data(3)
    stream.ack(*stream.received[:2])
    return _rest(kit, subscription, stream, 5)


def _after_unary_ack(kit: Kit) -> Any:
    subscription, stream = _limited(kit, list("abcdefgh"), max_outstanding_messages=3)
    stream.data(3)
    kit.ack(subscription, *stream.received[:2])
    return _rest(kit, subscription, stream, 5)


def _after_nack(kit: Kit) -> Any:
    """The message that is nacked has room to come again, or another has."""
    subscription, stream = _limited(kit, list("abcdefgh"), max_outstanding_messages=3)
    stream.data(3)
    stream.modify(0, stream.received[0])
    return _rest(kit, subscription, stream, 4)


def _extension(kit: Kit) -> Any:
    """A lease made longer makes no room."""
    subscription, stream = _limited(kit, list("abcdefgh"), max_outstanding_messages=3)
    stream.data(3)
    stream.modify(30, *stream.received)
    return _rest(kit, subscription, stream, 3)


def _bytes(kit: Kit) -> Any:
    subscription, stream = _limited(kit, ["x" * 1000] * 8, max_outstanding_bytes=2500)
    stream.data(2)
    got = _rest(kit, subscription, stream, 2)
    return got[0] in {2, 3}, got[1]


def _large(kit: Kit) -> Any:
    subscription, stream = _limited(kit, ["x" * 1000] * 4, max_outstanding_bytes=100)
    return _rest(kit, subscription, stream, 1)


def _zero(kit: Kit) -> int:
    _, stream = _limited(kit, ["x"] * 20, max_outstanding_messages=0, max_outstanding_bytes=0)
    return len(stream.data(20))


def _negative(kit: Kit) -> int:
    _, stream = _limited(kit, ["x"] * 20, max_outstanding_messages=-1, max_outstanding_bytes=-1)
    return len(stream.data(20))


def _of_each(kit: Kit) -> Any:
    """The limit of one stream is not that of another."""
    subscription, first = _limited(kit, list("abcdefgh"), max_outstanding_messages=2)
    first.data(2)
    second = kit.stream(subscription, max_outstanding_messages=3)
    second.data(3, within_s=2)
    rest = kit.pull_now(subscription, 1)
    return len(first.data(3, within_s=0.3)), len(second.received), len(rest)


ALL = (8, 0)

CASES = [
    Case(
        "messages",
        "8 messages, max_outstanding_messages 3: on it, and left for a pull of 1",
        _messages,
        (3, 1),
        MESSAGES,
        google=ALL,
    ),
    Case(
        "after-ack",
        "8 messages, max_outstanding_messages 3, 2 acknowledged on the stream: on it, and left for a pull of 1",
        _after_ack,
        (5, 1),
        MESSAGES,
        google=ALL,
    ),
    Case(
        "after-unary-ack",
        "8 messages, max_outstanding_messages 3, 2 acknowledged by a unary call: on it, and left for a pull of 1",
        _after_unary_ack,
        (5, 1),
        MESSAGES,
        google=ALL,
    ),
    Case(
        "after-nack",
        "8 messages, max_outstanding_messages 3, 1 nacked: on it, and left for a pull of 1",
        _after_nack,
        (4, 1),
        MESSAGES,
        google=OneOf((8, 0), (8, 1), (9, 0)),
    ),
    Case(
        "extension",
        "8 messages, max_outstanding_messages 3, deadlines made longer: on it, and left for a pull of 1",
        _extension,
        (3, 1),
        MESSAGES,
        google=ALL,
    ),
    Case(
        "bytes",
        "8 messages of 1,000 bytes, max_outstanding_bytes 2,500: are 2 or 3 on it, and left for a pull of 1",
        _bytes,
        (True, 1),
        BYTES,
        google=(False, 0),
    ),
    Case(
        "large",
        "4 messages of 1,000 bytes, max_outstanding_bytes 100: on it, and left for a pull of 1",
        _large,
        (1, 1),
        BYTES,
        google=(4, 0),
    ),
    Case("zero", "20 messages, limits of 0: on the stream", _zero, 20, MESSAGES),
    Case("negative", "20 messages, limits of -1: on the stream", _negative, 20, MESSAGES),
    Case(
        "of-each",
        "8 messages, streams with limits 2 and 3: on each, and left for a pull of 1",
        _of_each,
        (2, 3, 1),
        MESSAGES,
        google=(8, 0, 0),
    ),
]
