"""google.pubsub.v1.Subscriber.StreamingPull."""

import asyncio
from typing import Any

import grpc

from pubsubctl.emulator.embedded import limits
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.deliveries import Outlet
from pubsubctl.emulator.embedded.protocol import StreamingPullRequest, parsed
from pubsubctl.emulator.embedded.status import invalid


class Stream:
    """One stream: a task that reads requests, and one that writes responses, until either ends.

    When the client closes its side, nothing more is given to the stream, what is being written is finished, and the
    stream ends. When the stream breaks, both tasks are cancelled: a batch that was not yet being written is free at
    once, what was sent stays leased until its deadline.
    """

    def __init__(self, channel: Channel, first: Any, context: Any) -> None:
        """Begin with the first request.

        Raises:
            Refusal: INVALID_ARGUMENT: it is no proper first request.
        """
        if not first.stream_ack_deadline_seconds:
            raise invalid("first message must set stream_ack_deadline_seconds")
        self._channel = channel
        self._context = context
        self._outlet = Outlet(
            max_messages=first.max_outstanding_messages,
            max_size=first.max_outstanding_bytes,
            ack_deadline_s=limits.stream_ack_deadline(first.stream_ack_deadline_seconds),
        )
        self._handle(first)

    async def run(self) -> None:
        """Serve the stream to its end.

        Raises:
            Refusal: the client sent something wrong, or the subscription is gone.
        """
        reading = asyncio.create_task(self._read())
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and not reading.exception():
                self._channel.dismiss(self._outlet)
                await writing
        finally:
            reading.cancel()
            writing.cancel()
            results = await asyncio.gather(reading, writing, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _read(self) -> None:
        while (request := await read_request(self._context)) is not None:
            if request.subscription:
                raise invalid("subscription may only be set in first message")
            if request.stream_ack_deadline_seconds:
                self._outlet.ack_deadline_s = limits.stream_ack_deadline(request.stream_ack_deadline_seconds)
            self._handle(request)

    async def _write(self) -> None:
        while batch := await self._channel.take(self._outlet):
            await self._context.write(self._channel.response(batch))

    def _handle(self, request: Any) -> None:
        """Do what a request asks for: acks first, so that nothing is refused that was acknowledged beside it."""
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("ack IDs and deadlines must have the same size")
        if request.ack_ids:
            self._channel.ack(request.ack_ids)
        for seconds, ack_ids in _by_deadline(request).items():
            self._channel.modify(ack_ids, limits.lease(seconds))


async def read_request(context: Any) -> Any:
    """The next request of a stream; None when the client has closed its side.

    Raises:
        Refusal: INVALID_ARGUMENT: it is none.
    """
    content = await context.read()
    return None if content is grpc.aio.EOF else parsed(StreamingPullRequest, content)  # type: ignore[attr-defined]


def _by_deadline(request: Any) -> dict[int, list[str]]:
    """The ack ids of a request whose leases are to end at the same time."""
    seconds = set(request.modify_deadline_seconds)
    if len(seconds) == 1:
        return {seconds.pop(): request.modify_deadline_ack_ids}
    grouped: dict[int, list[str]] = {}
    for ack_id, deadline in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
        grouped.setdefault(deadline, []).append(ack_id)
    return grouped
