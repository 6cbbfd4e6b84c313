"""Who takes messages of a subscription: a stream, a pull, or a push endpoint.

A stream may be open and yet have nobody who reads it: google-cloud-pubsub for Python leaves one behind where a stream
ends just as it is opened. What it was given waits for its lease to end.
"""

from __future__ import annotations

import math

from pubsubctl.emulator.embedded.ready import Room

RESPONSE_SIZE = 3_500_000
RESPONSE_MESSAGES = 1_000
FIRST_S, MOST_S = 60.0, 600.0
"""For how long after a lease that has ended others are given messages first: at first at least, and at the most."""


class Outlet:
    """One taker of messages, a stream or a pull: what it may hold, what it holds, and whether it wants no more."""

    def __init__(self, *, max_messages: int = 0, max_size: int = 0, ack_deadline_s: float = 10) -> None:
        """Zero for a limit means none."""
        self.max_messages = max_messages
        self.max_size = max_size
        self.ack_deadline_s = ack_deadline_s
        self.messages = 0
        self.size = 0
        self.closed = False
        self._last_for_s = 0.0
        self._last_until = 0.0

    def lapse(self, now: float) -> None:
        """A lease of its has ended: for a while others are given messages first.

        That begins anew with each such lease; it lasts longer when the one before has passed without an answer.
        """
        if now >= self._last_until:
            self._last_for_s = min(2 * (self._last_for_s or max(self.ack_deadline_s, FIRST_S / 2)), MOST_S)
        self._last_until = now + self._last_for_s

    def answer(self) -> None:
        """It has said something of a message that it holds, or that it held last."""
        self._last_for_s = self._last_until = 0.0

    def comes_last(self, now: float) -> bool:
        """Whether others are given messages first."""
        return now < self._last_until

    def room(self, share: int) -> Room:
        """What it accepts now, of ``share`` messages that it may have in one response."""
        messages = min(share, RESPONSE_MESSAGES)
        if self.max_messages > 0:
            messages = min(messages, self.max_messages - self.messages)
        size = self.max_size - self.size if self.max_size > 0 else math.inf
        return Room(messages, size, response_size=RESPONSE_SIZE, empty=not self.messages)
