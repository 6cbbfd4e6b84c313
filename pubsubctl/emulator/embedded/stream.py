"""google.pubsub.v1.Subscriber.StreamingPull."""

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc

from pubsubctl.emulator.embedded import limits
from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.channel import INVALID_ACK_ID, Channel
from pubsubctl.emulator.embedded.outlet import Outlet
from pubsubctl.emulator.embedded.protocol import StreamingPullRequest, StreamingPullResponse, parsed
from pubsubctl.emulator.embedded.status import Refusal, invalid, unavailable

_FIRST_ONLY = ("subscription", "max_outstanding_messages", "max_outstanding_bytes", "protocol_version")


class Stream:
    """One stream: a task that reads requests, and one that writes responses, until either ends.

    When the client closes its side, nothing more is given to the stream, what is being written is finished, and the
    stream ends. When the stream breaks, both tasks are cancelled: a batch that was not yet being written is free at
    once, what was sent stays leased until its deadline.
    """

    def __init__(self, broker: Broker, channel: Channel, first: Any, context: Any) -> None:
        """Begin with the first request; what it asks for is done by ``run``.

        Raises:
            Refusal: INVALID_ARGUMENT: it is no proper first request. FAILED_PRECONDITION: messages are pushed.
        """
        if not first.stream_ack_deadline_seconds:
            raise invalid("first message must set stream_ack_deadline_seconds")
        channel.check_pullable()
        self._broker = broker
        self._channel = channel
        self._context = context
        self._first = first
        self._turn = asyncio.Lock()
        self._confirming: set[asyncio.Task[None]] = set()
        self._outlet = Outlet(
            max_messages=first.max_outstanding_messages,
            max_size=first.max_outstanding_bytes,
            ack_deadline_s=limits.stream_ack_deadline(first.stream_ack_deadline_seconds),
        )

    async def run(self) -> None:
        """Serve the stream to its end.

        Raises:
            Refusal: the client sent something wrong, or the subscription is gone.
        """
        self._channel.join(self._outlet)
        reading = asyncio.create_task(self._read())
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and not reading.exception():
                self._channel.dismiss(self._outlet)
                await asyncio.gather(writing, *self._confirming)
        finally:
            self._channel.leave(self._outlet)
            tasks = (reading, writing, *self._confirming)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _read(self) -> None:
        self._handle(self._first)
        while (request := await read_request(self._context)) is not None:
            for field in _FIRST_ONLY:
                if getattr(request, field):
                    raise invalid(f"{field} may only be set in first message")
            if request.stream_ack_deadline_seconds:
                self._outlet.ack_deadline_s = limits.stream_ack_deadline(request.stream_ack_deadline_seconds)
            self._handle(request)

    async def _write(self) -> None:
        while batch := await self._channel.take(self._outlet):
            if self._broker.faults.disconnects():
                self._channel.unsend(batch)
                raise unavailable("The stream was disconnected (--chaos disconnect)")
            await self._send(self._channel.response(batch) + _properties(self._channel.config))
            # It may have become a push subscription while nothing was waited for.
            self._channel.check_pullable()

    async def _send(self, response: bytes) -> None:
        """One at a time: what was delivered, and what is confirmed."""
        async with self._turn:
            await self._context.write(response)

    def _handle(self, request: Any) -> None:
        """Do what a request asks for: acks first, so that nothing is refused that was acknowledged beside it."""
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("ack IDs and deadlines must have the same size")
        unacknowledged = self._channel.ack(request.ack_ids) if request.ack_ids else {}
        unmodified: dict[str, str] = {}
        for seconds, ack_ids in _by_deadline(request).items():
            unmodified |= self._channel.modify(ack_ids, limits.lease(seconds))
        if self._channel.config.enable_exactly_once_delivery:
            confirming = asyncio.create_task(self._confirm(request, unacknowledged, unmodified))
            self._confirming.add(confirming)
            confirming.add_done_callback(self._confirming.discard)

    async def _confirm(self, request: Any, unacknowledged: dict[str, str], unmodified: dict[str, str]) -> None:
        """Tell what came of acks and modacks, once it is in the log."""
        response = StreamingPullResponse()
        if request.ack_ids:
            confirmation = response.acknowledge_confirmation
            _fill(confirmation, request.ack_ids, unacknowledged)
            if not await self._are_written():
                confirmation.temporary_failed_ack_ids.extend(confirmation.ack_ids)
                confirmation.ClearField("ack_ids")
        if request.modify_deadline_ack_ids:
            _fill(response.modify_ack_deadline_confirmation, request.modify_deadline_ack_ids, unmodified)
        if response.ByteSize():
            await self._send(response.SerializeToString() + _properties(self._channel.config))

    async def _are_written(self) -> bool:
        """Wait for the acks so far to be in the log."""
        try:
            await self._broker.committer.outcome(self._broker.committer.open().acknowledged)
        except Refusal:
            return False
        return True


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


def _fill(confirmation: Any, ack_ids: Iterable[str], failures: dict[str, str]) -> None:
    """Sort ack ids by what came of them."""
    confirmation.ack_ids.extend(ack_id for ack_id in ack_ids if ack_id not in failures)
    for ack_id, failure in failures.items():
        ids = confirmation.invalid_ack_ids if failure == INVALID_ACK_ID else confirmation.temporary_failed_ack_ids
        ids.append(ack_id)


def _properties(config: Any) -> bytes:
    """What every response of a stream tells of the subscription, serialized, where it differs from the default."""
    if not (config.enable_exactly_once_delivery or config.enable_message_ordering):
        return b""
    response = StreamingPullResponse()
    properties = response.subscription_properties
    properties.exactly_once_delivery_enabled = config.enable_exactly_once_delivery
    properties.message_ordering_enabled = config.enable_message_ordering
    content: bytes = response.SerializeToString()
    return content
