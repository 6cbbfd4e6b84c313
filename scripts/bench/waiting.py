"""Measurements of an emulator in which very many messages wait."""

import tempfile
import time
from pathlib import Path

import grpc
import stubs
from brokers import EMBEDDED, JAR, Server, start
from figures import Results
from google.pubsub_v1.types import PullRequest, PullResponse
from loads import Failure, Load, check_all

SIZE = 1_024


def measure_waiting(kind: str, load: Load, results: Results) -> None:
    """RSS while messages wait, and, of the embedded emulator, a restart with them. Then all are pulled."""
    if kind == EMBEDDED:
        results.add(kind, _embedded(load))
    elif kind == JAR:
        results.add(kind, _google(load, results.notes))


def _embedded(load: Load) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory)
        with start(EMBEDDED, data, load.timeout_s) as server:
            subscription, published = _fill(server, load.waiting, load.timeout_s * 5)
            found = {"waiting-rss": server.rss_mib(), "waiting-peak": server.peak_rss_mib()}
            server.kill()
        started = time.perf_counter()
        with start(EMBEDDED, data, load.timeout_s) as server:
            found |= {"restart": server.first_rpc_s}
            pulled = _pull_one(server.address, subscription, load.timeout_s)
            found |= {"restart-pull": time.perf_counter() - started, "restart-rss": server.rss_mib()}
            count, patience_s = len(published - pulled), load.timeout_s * 5
            received, took_s = stubs.pull(server.address, subscription, count=count, timeout_s=patience_s, ack=True)
            found |= {"drain": len(received) / took_s, "drained-rss": server.rss_mib()}
    check_all(published, received | pulled, f"{load.waiting:,} messages over kill -9 and a restart")
    return found


def _google(load: Load, notes: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory, start(JAR, Path(directory), load.timeout_s) as server:
        try:
            _fill(server, load.waiting, load.timeout_s * 5)
        except Failure as failure:
            notes.append(f"Google's emulator cannot bear {load.waiting:,} messages waiting: {failure}")
            return {}
        notes.append("Google's emulator keeps messages in memory alone: there is no restart with them to measure.")
        return {"waiting-rss": server.rss_mib(), "waiting-peak": server.peak_rss_mib()}


def _fill(server: Server, count: int, timeout_s: float) -> tuple[str, set[str]]:
    """The subscription, and the ids of the messages that wait for it."""
    topic, subscription = stubs.create(server.address, "waiting")
    published, _ = stubs.publish(server.address, topic, count=count, size=SIZE, timeout_s=timeout_s)
    return subscription, published


def _pull_one(address: str, subscription: str, timeout_s: float) -> set[str]:
    request = PullRequest.serialize(PullRequest(subscription=subscription, max_messages=1))
    with grpc.insecure_channel(address, options=stubs.OPTIONS) as channel:
        answer = channel.unary_unary(f"{stubs.SUBSCRIBER}/Pull")(request, timeout=timeout_s)
    ids = {received.message.message_id for received in PullResponse.pb().FromString(answer).received_messages}
    if not ids:
        raise Failure("nothing could be pulled after the restart")
    return ids
