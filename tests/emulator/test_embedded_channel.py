"""What a channel does when the log cannot be read, and when a taker goes away."""

import asyncio
import sqlite3
import types
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import SystemClock
from pubsubctl.emulator.embedded.deliveries import Deliveries
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.protocol import StreamingPullRequest, Subscription
from pubsubctl.emulator.embedded.protocol import Topic as TopicConfig
from pubsubctl.emulator.embedded.rules import Rules
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.emulator.embedded.stream import Stream
from pubsubctl.emulator.embedded.topic import Topic

BODY = b"\x0a\x01x"


class Messages:
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
        self.faults = Faults()
        self.log = types.SimpleNamespace(messages=Messages())

    async def read(self, function: Callable[[], Any]) -> Any:
        await asyncio.sleep(0.01)
        return function()


def make_channel(around: Around, *, tail: int = 2) -> Channel:
    deliveries = Deliveries(Rules(), ack_ids="1-9-1-", position=1)
    return Channel(1, Subscription(name="s"), Topic(1, TopicConfig(name="t"), tail=tail), deliveries, around)


OVER = Refusal(StatusCode.UNAVAILABLE, "the test is over")


def test_who_does_not_wait_still_gets_what_is_being_loaded_and_its_lease_ends() -> None:
    async def scenario() -> None:
        around = Around()
        around.log.messages.broken = False
        channel = make_channel(around)
        [message] = await channel.take(Outlet(ack_deadline_s=0.05), wait=False)
        assert await channel.take(Outlet(), wait=False) == []
        await asyncio.sleep(0.2)
        assert [again.id for again in await channel.take(Outlet(), wait=False)] == [message.id]
        channel.close(OVER)

    asyncio.run(scenario())


def test_who_does_not_wait_is_told_that_the_log_cannot_be_read() -> None:
    async def scenario() -> None:
        with pytest.raises(Refusal, match="malformed"):
            await make_channel(Around()).take(Outlet(), wait=False)

    asyncio.run(scenario())


def test_who_is_dismissed_leaves_nothing_behind_and_gets_nothing_more() -> None:
    async def scenario() -> None:
        channel = make_channel(Around(), tail=1)
        outlet = Outlet()
        waiting = asyncio.create_task(channel.take(outlet))
        await asyncio.sleep(0)
        channel.dismiss(outlet)
        assert await waiting == []
        assert not channel._takers
        channel.deliveries.offer([(1, BODY)], 1)
        assert await asyncio.wait_for(channel.take(outlet), 1) == []
        channel.close(OVER)

    asyncio.run(scenario())


class Context:
    """A client that does not read on for a while, and closes its side."""

    def __init__(self) -> None:
        self.closing, self.writing, self.reading_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.written = 0

    async def read(self) -> object:
        await self.closing.wait()
        return grpc.aio.EOF

    async def write(self, _response: bytes) -> None:
        self.writing.set()
        await self.reading_on.wait()
        self.written += 1


def test_a_stream_that_is_closed_while_it_writes_ends_after_that() -> None:
    async def scenario() -> None:
        around = Around()
        channel, context = make_channel(around, tail=1), Context()
        first = StreamingPullRequest(subscription="s", stream_ack_deadline_seconds=10)
        running = asyncio.create_task(Stream(around, channel, first, context).run())
        channel.topic.channels[1] = channel
        channel.topic.written([(1, BODY)])
        await context.writing.wait()
        context.closing.set()
        await asyncio.sleep(0.05)
        channel.topic.written([(2, BODY)])
        context.reading_on.set()
        await asyncio.wait_for(running, 2)
        assert context.written == 1
        assert channel.deliveries.ready_count == 1
        channel.close(OVER)

    asyncio.run(scenario())


def test_takers_are_told_and_may_try_again() -> None:
    async def scenario() -> None:
        around = Around()
        channel = make_channel(around)
        with pytest.raises(Refusal, match="malformed") as caught:
            await asyncio.wait_for(channel.take(Outlet()), 5)
        assert caught.value.code is StatusCode.INTERNAL
        around.log.messages.broken = False
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
