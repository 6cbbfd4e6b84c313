"""gcloud-aio-pubsub, a client by others that speaks REST by itself."""

import asyncio
import gc
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn

import pytest

PATIENCE_S = 20

Run = Callable[[Callable[["Clients"], Awaitable[None]]], None]


class Clients:
    """Both clients, with the names of one test."""

    def __init__(self, session: Any) -> None:
        from gcloud.aio.pubsub import PublisherClient, SubscriberClient

        self.publisher = PublisherClient(session=session)
        self.subscriber = SubscriberClient(session=session)
        self.project = f"projects/p-{uuid.uuid4().hex[:12]}"
        self.topic = f"{self.project}/topics/news"
        self.subscription = f"{self.project}/subscriptions/readers"

    async def create(self, **settings: Any) -> None:
        await self.publisher.create_topic(self.topic)
        await self.subscriber.create_subscription(self.subscription, self.topic, settings)

    async def publish(self, *data: bytes, **fields: Any) -> list[str]:
        from gcloud.aio.pubsub import PubsubMessage

        messages = [PubsubMessage(one, **fields) for one in data]
        answer = await self.publisher.publish(self.topic, messages)
        return list(answer["messageIds"])


@pytest.fixture
def run(environment: None, lack: Callable[[str, str], NoReturn]) -> Iterator[Run]:
    """Runs a test's coroutine with clients, for as long as tests may take."""
    try:
        import aiohttp
        import gcloud.aio.pubsub  # noqa: F401
    except ImportError as error:
        lack("gcloud-aio-pubsub", f"gcloud-aio-pubsub cannot be imported: {error}")

    async def bounded(test: Callable[[Clients], Awaitable[None]]) -> None:
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
            await test(Clients(session))

    yield lambda test: asyncio.run(bounded(test))
    # A connection that was not given back is told of now, not in some later test.
    gc.collect()


def test_messages_are_published_pulled_and_settled(run: Run) -> None:
    async def test(clients: Clients) -> None:
        await clients.create(ackDeadlineSeconds=20, enableMessageOrdering=True)
        ids = await clients.publish(b"a", b"b", ordering_key="k", kind="x")
        received = await clients.subscriber.pull(clients.subscription, max_messages=10)
        assert [one.message_id for one in received] == ids
        assert [(one.data, one.attributes) for one in received] == [(b"a", {"kind": "x"}), (b"b", {"kind": "x"})]
        await clients.subscriber.modify_ack_deadline(clients.subscription, [received[0].ack_id], 0)
        again = await clients.subscriber.pull(clients.subscription, max_messages=10)
        assert [one.data for one in again] == [b"a", b"b"]
        await clients.subscriber.acknowledge(clients.subscription, [one.ack_id for one in again])

    run(test)


def test_resources_are_listed_page_by_page(run: Run) -> None:
    async def test(clients: Clients) -> None:
        await clients.create(filter='attributes.kind = "x"')
        await clients.subscriber.create_snapshot(f"{clients.project}/snapshots/before", clients.subscription)
        others = [f"{clients.subscription}-{n}" for n in range(4)]
        for name in others:
            await clients.subscriber.create_subscription(name, clients.topic)
        listed = await clients.subscriber.list_subscriptions(clients.project, {"pageSize": "2"})
        assert [one["name"] for one in listed["subscriptions"]] == [clients.subscription, *others]
        topics = await clients.publisher.list_topics(clients.project)
        assert [one["name"] for one in topics["topics"]] == [clients.topic]
        snapshots = await clients.subscriber.list_snapshots(clients.project)
        assert [one["name"] for one in snapshots["snapshots"]] == [f"{clients.project}/snapshots/before"]

    run(test)


def test_a_pull_that_was_given_up_takes_no_message_with_it(run: Run) -> None:
    async def test(clients: Clients) -> None:
        await clients.create(ackDeadlineSeconds=600)
        with pytest.raises(TimeoutError):
            await clients.subscriber.pull(clients.subscription, max_messages=1, timeout=1)
        await clients.publish(b"x")
        (received,) = await clients.subscriber.pull(clients.subscription, max_messages=1, timeout=5)
        assert received.data == b"x"

    run(test)


def test_a_subscriber_runs_its_handler_for_each_message(run: Run) -> None:
    async def test(clients: Clients) -> None:
        from gcloud.aio.pubsub import subscribe

        await clients.create()
        seen: list[bytes] = []
        done = asyncio.Event()

        async def handle(message: Any) -> None:
            seen.append(message.data)
            if len(seen) == 50:
                done.set()

        running = asyncio.create_task(subscribe(clients.subscription, handle, clients.subscriber, ack_window=0.05))
        await clients.publish(*[b"%d" % n for n in range(50)])
        await done.wait()
        running.cancel()
        await asyncio.sleep(0)
        # Before it ends it waits for its pull, which ends with a message.
        await clients.publish(b"end")
        with pytest.raises(asyncio.CancelledError):
            await running
        assert sorted(seen[:50]) == sorted(b"%d" % n for n in range(50))

    run(test)
