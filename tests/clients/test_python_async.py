"""google-cloud-pubsub's asyncio clients."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import PubsubMessage, StreamingPullRequest, StreamingPullResponse

PATIENCE_S = 20


@dataclass
class Clients:
    """Both clients, with the names of one test."""

    publisher: PublisherAsyncClient
    subscriber: SubscriberAsyncClient
    project: str
    topic: str
    subscription: str

    async def create(self, **settings: Any) -> None:
        """The topic, and its subscription with these settings."""
        await self.publisher.create_topic(name=self.topic)
        wanted = {"name": self.subscription, "topic": self.topic, **settings}
        await self.subscriber.create_subscription(request=wanted)

    async def publish(self, *data: bytes) -> list[str]:
        messages = [PubsubMessage(data=one) for one in data]
        return list((await self.publisher.publish(topic=self.topic, messages=messages)).message_ids)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Clients]:
    project = f"projects/p-{uuid.uuid4().hex[:12]}"
    async with grpc.aio.insecure_channel(address) as channel:
        yield Clients(
            PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel)),
            SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel)),
            project,
            f"{project}/topics/news",
            f"{project}/subscriptions/readers",
        )


@pytest.fixture
def run(emulator: str) -> Callable[[Callable[[Clients], Awaitable[None]]], None]:
    """Runs a test's coroutine with clients, for as long as tests may take."""

    async def bounded(test: Callable[[Clients], Awaitable[None]]) -> None:
        async with asyncio.timeout(PATIENCE_S), connected(emulator) as clients:
            await test(clients)

    return lambda test: asyncio.run(bounded(test))


Run = Callable[[Callable[[Clients], Awaitable[None]]], None]


async def requests_of(
    queue: "asyncio.Queue[StreamingPullRequest]", first: StreamingPullRequest
) -> AsyncIterator[StreamingPullRequest]:
    """What is to be sent on a stream, until an empty request."""
    yield first
    while (request := await queue.get()) != StreamingPullRequest():
        yield request


def test_messages_are_published_pulled_and_acknowledged(run: Run) -> None:
    async def test(clients: Clients) -> None:
        await clients.create()
        ids = await clients.publish(b"a", b"b")
        wanted = {"subscription": clients.subscription, "max_messages": 10}
        received = (await clients.subscriber.pull(request=wanted)).received_messages
        assert [one.message.message_id for one in received] == ids
        await clients.subscriber.acknowledge(
            subscription=clients.subscription, ack_ids=[one.ack_id for one in received]
        )
        waiting = asyncio.create_task(clients.subscriber.pull(request=wanted))
        late = await clients.publish(b"c")
        assert [one.message.message_id for one in (await waiting).received_messages] == late

    run(test)


def test_lists_are_read_page_by_page(run: Run) -> None:
    async def test(clients: Clients) -> None:
        names = [f"{clients.project}/topics/topic-{n}" for n in range(7)]
        await asyncio.gather(*(clients.publisher.create_topic(name=name) for name in names))
        pager = await clients.publisher.list_topics(request={"project": clients.project, "page_size": 3})
        assert [topic.name async for topic in pager] == names

    run(test)


def test_a_refusal_is_raised(run: Run) -> None:
    async def test(clients: Clients) -> None:
        with pytest.raises(NotFound, match="Subscription does not exist"):
            await clients.subscriber.pull(subscription=clients.subscription, max_messages=1)

    run(test)


def test_a_stream_delivers_and_takes_acks_until_the_client_closes_it(run: Run) -> None:
    async def test(clients: Clients) -> None:
        await clients.create()
        queue: asyncio.Queue[StreamingPullRequest] = asyncio.Queue()
        first = StreamingPullRequest(
            subscription=clients.subscription, stream_ack_deadline_seconds=10, max_outstanding_messages=2
        )
        stream = await clients.subscriber.streaming_pull(requests=requests_of(queue, first))
        await clients.publish(*[b"%d" % n for n in range(10)])
        seen: list[bytes] = []
        async for response in stream:
            received = response.received_messages
            assert len(received) <= 2
            seen += [one.message.data for one in received]
            queue.put_nowait(StreamingPullRequest(ack_ids=[one.ack_id for one in received]))
            if len(seen) == 10:
                queue.put_nowait(StreamingPullRequest())
        assert sorted(seen) == [b"%d" % n for n in range(10)]

    run(test)


def test_a_stream_confirms_acks_where_delivery_is_exactly_once(run: Run) -> None:
    async def test(clients: Clients) -> None:
        await clients.create(enable_exactly_once_delivery=True)
        queue: asyncio.Queue[StreamingPullRequest] = asyncio.Queue()
        first = StreamingPullRequest(subscription=clients.subscription, stream_ack_deadline_seconds=60)
        stream = await clients.subscriber.streaming_pull(requests=requests_of(queue, first))
        await clients.publish(b"x")
        responses: list[StreamingPullResponse] = []
        async for response in stream:
            responses.append(response)
            if response.received_messages:
                ack_id = response.received_messages[0].ack_id
                queue.put_nowait(StreamingPullRequest(ack_ids=[ack_id]))
                queue.put_nowait(StreamingPullRequest(ack_ids=[ack_id]))
            if response.acknowledge_confirmation.invalid_ack_ids:
                queue.put_nowait(StreamingPullRequest())
        confirmations = [one.acknowledge_confirmation for one in responses if one.acknowledge_confirmation]
        assert [list(one.ack_ids) for one in confirmations] == [[ack_id], []]
        assert [list(one.invalid_ack_ids) for one in confirmations] == [[], [ack_id]]
        assert all(one.subscription_properties.exactly_once_delivery_enabled for one in responses)

    run(test)


def test_a_stream_that_is_cancelled_lets_go_of_what_it_was_not_sent(run: Run) -> None:
    async def test(clients: Clients) -> None:
        await clients.create()
        queue: asyncio.Queue[StreamingPullRequest] = asyncio.Queue()
        first = StreamingPullRequest(subscription=clients.subscription, stream_ack_deadline_seconds=10)
        stream = await clients.subscriber.streaming_pull(requests=requests_of(queue, first))
        stream.cancel()
        await clients.publish(b"x")
        received = await clients.subscriber.pull(subscription=clients.subscription, max_messages=1)
        assert [one.message.data for one in received.received_messages] == [b"x"]

    run(test)
