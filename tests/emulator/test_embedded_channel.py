"""What a channel does when the log cannot be read, and when a taker goes away."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from grpc import StatusCode

from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import SystemClock
from pubsubctl.emulator.embedded.deliveries import Deliveries, Outlet, Rules
from pubsubctl.emulator.embedded.protocol import Subscription
from pubsubctl.emulator.embedded.protocol import Topic as TopicConfig
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.emulator.embedded.topic import Topic

BODY = b"\x0a\x01x"


class Log:
    """Answers with one message, or fails as a damaged file does."""

    broken = True

    def read(self, topic: int, position: int, **_: int) -> tuple[list[tuple[int, bytes]], int]:
        if self.broken:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return [(position, BODY)], position + 1


class Around:
    """A broker with nothing but a log."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.log = Log()

    async def read(self, function: Callable[[], Any]) -> Any:
        return function()


def make_channel(around: Around) -> Channel:
    deliveries = Deliveries(Rules(), ack_ids="1-1-", position=1)
    return Channel(1, Subscription(name="s"), Topic(1, TopicConfig(name="t"), tail=2), deliveries, around)


def test_takers_are_told_and_may_try_again() -> None:
    async def scenario() -> None:
        around = Around()
        channel = make_channel(around)
        with pytest.raises(Refusal, match="malformed") as caught:
            await asyncio.wait_for(channel.take(Outlet()), 5)
        assert caught.value.code is StatusCode.INTERNAL
        around.log.broken = False
        [message] = await asyncio.wait_for(channel.take(Outlet()), 5)
        assert message.body == BODY
        channel.close(caught.value)

    asyncio.run(scenario())


def test_what_was_given_to_a_taker_that_had_gone_is_free_at_once() -> None:
    async def scenario() -> None:
        channel = make_channel(Around())
        gone = asyncio.create_task(channel.take(Outlet()))
        await asyncio.sleep(0)
        channel.deliveries.load([(1, BODY)], 2)
        channel.pump()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        [message] = await asyncio.wait_for(channel.take(Outlet()), 5)
        assert (message.id, message.attempts) == (1, 1)
        channel.close(Refusal(StatusCode.UNAVAILABLE, "the test is over"))

    asyncio.run(scenario())
