"""Measurements of an emulator through google-cloud-pubsub's own clients."""

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.types import BatchSettings, FlowControl
from loads import PROJECT, Failure, Load, check_all

WARM_UP = 20
OUTSTANDING = 5_000


class DirectScheduler(pubsub_v1.subscriber.scheduler.ThreadScheduler):
    """Calls straight through: the client's own pool of threads would be what is measured."""

    def schedule(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call."""
        callback(*args, **kwargs)


def measure_latency(address: str, load: Load) -> dict[str, float]:
    """One message at a time, from ``publish`` to the subscriber's callback, in milliseconds."""
    with _environment(address):
        taken = sorted(_latencies_ms(load))
    return {"latency-p50": statistics.median(taken), "latency-p99": taken[int(len(taken) * 0.99)]}


def measure_clients(address: str, load: Load) -> dict[str, float]:
    """Messages a second through the publisher, and through the subscriber with its own scheduler and a direct one."""
    with _environment(address):
        rate, pull_rate = _through("client", load, None)
        # Another subscription: Google's emulator goes on giving messages to a stream for a while after its end.
        _, direct_rate = _through("direct", load, DirectScheduler())
    return {"publish": rate, "pull": pull_rate, "pull-direct": direct_rate}


def _through(name: str, load: Load, scheduler: DirectScheduler | None) -> tuple[float, float]:
    """Messages a second published, and then pulled."""
    topic, subscription = create(name)
    published, rate = _publish(topic, load)
    return rate, _pull(subscription, published, load, scheduler)


def create(name: str) -> tuple[str, str]:
    """A topic and its subscription at the emulator that the environment names."""
    topic, subscription = f"projects/{PROJECT}/topics/{name}", f"projects/{PROJECT}/subscriptions/{name}"
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscription, topic=topic)
    return topic, subscription


@contextlib.contextmanager
def _environment(address: str) -> Iterator[None]:
    os.environ["PUBSUB_EMULATOR_HOST"] = address
    try:
        yield
    finally:
        del os.environ["PUBSUB_EMULATOR_HOST"]


def _publish(topic: str, load: Load) -> tuple[set[str], float]:
    """The ids that were answered, and messages a second until the last was."""
    publisher = pubsub_v1.PublisherClient(BatchSettings(max_messages=1_000, max_latency=0.005))
    data = b"x" * load.size
    started = time.perf_counter()
    futures = [publisher.publish(topic, data) for _ in range(load.messages)]
    ids = {future.result(timeout=load.timeout_s) for future in futures}
    took_s = time.perf_counter() - started
    publisher.stop()
    publisher.transport.close()
    if len(ids) != load.messages:
        raise Failure(f"publish: {load.messages} messages got only {len(ids)} ids")
    return ids, load.messages / took_s


def _pull(subscription: str, published: set[str], load: Load, scheduler: DirectScheduler | None) -> float:
    """Messages a second until each was received and acknowledged by the subscriber client."""
    received: set[str] = set()
    complete = threading.Event()

    def receive(message: Any) -> None:
        message.ack()
        received.add(message.message_id)
        if len(received) >= len(published):
            complete.set()

    with pubsub_v1.SubscriberClient() as subscriber:
        flow = FlowControl(max_messages=OUTSTANDING)
        started = time.perf_counter()
        pulling = subscriber.subscribe(subscription, receive, flow_control=flow, scheduler=scheduler)
        complete.wait(load.timeout_s)
        took_s = time.perf_counter() - started
        pulling.cancel()
        pulling.result(timeout=load.timeout_s)
    check_all(published, received, "stream pull by the client")
    return len(published) / took_s


def _latencies_ms(load: Load) -> list[float]:
    topic, subscription = create("latency")
    arrived = threading.Event()
    at = 0.0

    def receive(message: Any) -> None:
        nonlocal at
        at = time.perf_counter()
        message.ack()
        arrived.set()

    publisher = pubsub_v1.PublisherClient(BatchSettings(max_messages=1))
    taken: list[float] = []
    with pubsub_v1.SubscriberClient() as subscriber:
        pulling = subscriber.subscribe(subscription, receive)
        for _ in range(load.latencies + WARM_UP):
            arrived.clear()
            started = time.perf_counter()
            publisher.publish(topic, b"x").result(timeout=load.timeout_s)
            if not arrived.wait(load.timeout_s):
                raise Failure("latency: a message did not arrive")
            taken.append((at - started) * 1_000)
        pulling.cancel()
        pulling.result(timeout=load.timeout_s)
    publisher.stop()
    publisher.transport.close()
    return taken[WARM_UP:]
