"""Flow control: a stream holds no more messages than it has asked for."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pubsubctl.broker.stream import Stream, connect
from smoking.checking import CheckFailed, Limit
from smoking.mailbox import Mailbox

HOLD = 10
MESSAGES = 60
_AT_ONCE, _QUIET_S, _LOOK_S = 5, 3.0, 0.5
_LEASE_S = 60
"""So long that none lapses, which would make room for another."""


def flow(mailbox: Mailbox, limit: Limit) -> str:
    """Hold as many as are sent, see that no more come, then acknowledge some at a time.

    What counts as in hand is what was read and not yet acknowledged by us: no more than the service itself counts.
    """
    mailbox.publish(MESSAGES)
    with _stream(mailbox) as arrived:
        held: list[tuple[str, str]] = []
        seen: set[str] = set()
        came = 0
        while len(held) < HOLD:
            held += _next(arrived, limit, f"{HOLD} messages in hand, and there are {len(held)}")
        held += _further(arrived, limit)
        came = most = len(held)
        while True:
            seen |= {message_id for _, message_id in held}
            if most > HOLD:
                raise CheckFailed(f"{most} messages in hand of {HOLD} that were asked for")
            done, held = held[:_AT_ONCE], held[_AT_ONCE:]
            if not done and len(seen) >= MESSAGES:
                break
            if done:
                mailbox.ack([ack_id for ack_id, _ in done])
            if len(seen) < MESSAGES:
                new = _next(arrived, limit, f"{MESSAGES} messages, and {len(seen)} came")
                came += len(new)
                held += new
            most = max(most, len(held))
    return (
        f"{MESSAGES} messages; at most {most} in hand of {HOLD} allowed, {_QUIET_S:g} s without an ack among it; "
        f"{came - MESSAGES} duplicates"
    )


Arrivals = queue.SimpleQueue[list[tuple[str, str]] | Exception]


@contextmanager
def _stream(mailbox: Mailbox) -> Iterator[Arrivals]:
    """An open stream; what comes, as ack ids and message ids."""
    arrived: Arrivals = queue.SimpleQueue()
    channel = mailbox.connection.lasting()
    connect(channel, threading.Event())
    stream = Stream(channel, mailbox.box.subscription, hold=HOLD, lease_s=_LEASE_S)

    def read() -> None:
        try:
            for received in stream.responses():
                arrived.put([(each.ack_id, each.message.message_id) for each in received])
        except Exception as error:  # noqa: BLE001 - told where it is waited for
            arrived.put(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield arrived
    finally:
        stream.close()
        reader.join(5)


def _next(arrived: Arrivals, limit: Limit, awaited: str) -> list[tuple[str, str]]:
    while True:
        limit.go_on(awaited)
        try:
            found = arrived.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if isinstance(found, Exception):
            raise CheckFailed(f"the stream has ended: {found}") from found
        return found


def _further(arrived: Arrivals, limit: Limit) -> list[tuple[str, str]]:
    """What comes while nothing is acknowledged."""
    until, found = time.monotonic() + _QUIET_S, []
    while time.monotonic() < until:
        limit.pause(_LOOK_S, "quiet")
        while not arrived.empty():
            found += _next(arrived, limit, "quiet")
    return found
