"""Measure the embedded emulator with google-cloud-pubsub's own clients, and with bare stubs; prints a table."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.types import BatchSettings, FlowControl, PublisherOptions
from google.pubsub_v1.types import PublishRequest, PubsubMessage, StreamingPullRequest

PROJECT = "bench"
STARTS = 5
BARE_REQUESTS = 8


@dataclass(frozen=True)
class Options:
    """What is sent, and how long it may take."""

    messages: int
    size: int
    rounds: int
    timeout_s: float


@dataclass(frozen=True)
class Server:
    """A running emulator, the time it took to answer its first RPC, and the memory it used then."""

    pid: int
    address: str
    first_rpc_s: float
    idle_rss_mib: float


def rss_mib(pid: int) -> float:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def first_rpc(address: str, timeout_s: float) -> None:
    """Ask until there is an answer."""
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary("/google.pubsub.v1.Publisher/ListTopics")
        ask(b"\x0a\x0eprojects/bench", wait_for_ready=True, timeout=timeout_s)


@contextmanager
def embedded(data_dir: Path, timeout_s: float) -> Iterator[Server]:
    """The embedded emulator as a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pubsubctl.emulator.embedded", "--data", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        first_rpc(address, timeout_s)
        took_s = time.perf_counter() - started
        yield Server(process.pid, address, took_s, rss_mib(process.pid))
        process.terminate()


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait in small steps; a measurement that hangs is an error, not a number."""
    give_up = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up:
            raise SystemExit(f"timed out after {timeout_s:g} s: {what}")
        time.sleep(0.002)


def create(name: str) -> tuple[str, str]:
    """A topic and its subscription."""
    topic, subscription = f"projects/{PROJECT}/topics/{name}", f"projects/{PROJECT}/subscriptions/{name}"
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscription, topic=topic)
    return topic, subscription


def publish(topic: str, options: Options) -> float:
    """Messages a second through the publisher client, each confirmed."""
    publisher = pubsub_v1.PublisherClient(BatchSettings(max_messages=1000, max_latency=0.005))
    data = b"x" * options.size
    started = time.perf_counter()
    futures = [publisher.publish(topic, data) for _ in range(options.messages)]
    for future in futures:
        future.result(timeout=options.timeout_s)
    took_s = time.perf_counter() - started
    publisher.stop()
    publisher.transport.close()
    return options.messages / took_s


class DirectScheduler(pubsub_v1.subscriber.scheduler.ThreadScheduler):
    """Calls straight through, as the worker's does: the client's thread pool would be what is measured."""

    def schedule(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call."""
        callback(*args, **kwargs)


def pull(subscription: str, options: Options, *, direct: bool) -> float:
    """Messages a second through the subscriber client, each acknowledged."""
    subscriber = pubsub_v1.SubscriberClient()
    count = 0
    done = threading.Event()
    lock = threading.Lock()

    def received(message: Any) -> None:
        nonlocal count
        message.ack()
        with lock:
            count += 1
            if count >= options.messages:
                done.set()

    started = time.perf_counter()
    future = subscriber.subscribe(
        subscription,
        received,
        flow_control=FlowControl(max_messages=5_000),
        scheduler=DirectScheduler() if direct else None,
    )
    if not done.wait(options.timeout_s):
        raise SystemExit(f"timed out: {count} of {options.messages} messages pulled")
    took_s = time.perf_counter() - started
    future.cancel()
    future.result(timeout=options.timeout_s)
    subscriber.close()
    return options.messages / took_s


def latencies_ms(name: str, options: Options) -> list[float]:
    """One message at a time, from ``publish`` to the subscriber's callback."""
    topic, subscription = create(name)
    publisher = pubsub_v1.PublisherClient(BatchSettings(max_messages=1), PublisherOptions())
    subscriber = pubsub_v1.SubscriberClient()
    arrived = threading.Event()
    at = 0.0

    def received(message: Any) -> None:
        nonlocal at
        at = time.perf_counter()
        message.ack()
        arrived.set()

    future = subscriber.subscribe(subscription, received)
    taken: list[float] = []
    for _ in range(options.rounds + 20):
        arrived.clear()
        started = time.perf_counter()
        publisher.publish(topic, b"x").result(timeout=options.timeout_s)
        if not arrived.wait(options.timeout_s):
            raise SystemExit("timed out: a message did not arrive")
        taken.append((at - started) * 1_000)
    future.cancel()
    future.result(timeout=options.timeout_s)
    subscriber.close()
    publisher.stop()
    publisher.transport.close()
    return taken[20:]


def bare_publish(address: str, topic: str, options: Options) -> float:
    """Messages a second through a bare stub, 1,000 a request, several requests at a time."""
    message = PubsubMessage(data=b"x" * options.size)
    request = PublishRequest.serialize(PublishRequest(topic=topic, messages=[message] * 1_000))
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/google.pubsub.v1.Publisher/Publish")
        started = time.perf_counter()
        pending: list[Any] = []
        for _ in range(options.messages // 1_000):
            pending.append(call.future(request, timeout=options.timeout_s))
            if len(pending) >= BARE_REQUESTS:
                pending.pop(0).result()
        for future in pending:
            future.result()
        return options.messages / (time.perf_counter() - started)


def bare_pull(address: str, subscription: str, options: Options) -> float:
    """Messages a second over a bare stream, without acks; they are counted by the server's own framing."""
    first = StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=600)
    release = threading.Event()

    def requests() -> Iterator[bytes]:
        yield StreamingPullRequest.serialize(first)
        release.wait()

    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options=unlimited) as channel:
        stream = channel.stream_stream("/google.pubsub.v1.Subscriber/StreamingPull")(requests())
        started, size = time.perf_counter(), 0
        for response in stream:
            size += len(response)
            if size >= options.messages * options.size:
                break
        took_s = time.perf_counter() - started
        release.set()
        stream.cancel()
    return options.messages / took_s


def measure(options: Options) -> list[tuple[str, str]]:
    """All figures, each with its name."""
    with tempfile.TemporaryDirectory() as directory:
        starts = []
        for number in range(STARTS):
            with embedded(Path(directory, f"start-{number}"), options.timeout_s) as server:
                starts.append((server.first_rpc_s, server.idle_rss_mib))
        with embedded(Path(directory, "load"), options.timeout_s) as server:
            os.environ["PUBSUB_EMULATOR_HOST"] = server.address
            rows = list(loads(server, options))
            rows.append(("RSS afterwards", f"{rss_mib(server.pid):,.0f} MiB"))
    rows.insert(0, ("first RPC after start, median", f"{statistics.median(took for took, _ in starts):.2f} s"))
    rows.insert(1, ("RSS idle", f"{max(rss for _, rss in starts):,.0f} MiB"))
    return rows


def loads(server: Server, options: Options) -> Iterator[tuple[str, str]]:
    """The figures that need a running server."""
    taken = sorted(latencies_ms("latency", options))
    yield "one-way latency p50", f"{statistics.median(taken):.2f} ms"
    yield "one-way latency p99", f"{taken[int(len(taken) * 0.99)]:.2f} ms"
    topic, subscription = create("client")
    yield "publish, client", f"{publish(topic, options):,.0f} messages/s"
    yield "stream pull + ack, client", f"{pull(subscription, options, direct=False):,.0f} messages/s"
    publish(topic, options)
    yield "stream pull + ack, client, direct scheduler", f"{pull(subscription, options, direct=True):,.0f} messages/s"
    topic, subscription = create("bare")
    yield "publish, bare stub", f"{bare_publish(server.address, topic, options):,.0f} messages/s"
    yield "stream pull, bare stub", f"{bare_pull(server.address, subscription, options):,.0f} messages/s"


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000, help="messages of each throughput figure")
    parser.add_argument("--size", type=int, default=100, help="bytes of data in each")
    parser.add_argument("--rounds", type=int, default=500, help="messages of the latency figures")
    parser.add_argument("--timeout", type=float, default=60, help="seconds that one figure may take")
    given = parser.parse_args()
    for name, figure in measure(Options(given.messages, given.size, given.rounds, given.timeout)):
        print(f"{name:<45} {figure:>20}")


if __name__ == "__main__":
    main()
