"""What the embedded emulator answered for is there after kill -9, and what was acknowledged is not."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from broker_process import BrokerProcess
from google.api_core.exceptions import GoogleAPICallError
from pubsub_kit import Broker, data_of, eventually, mask


@pytest.fixture
def process(tmp_path: Path) -> Iterator[BrokerProcess]:
    made = BrokerProcess(tmp_path)
    yield made
    made.close()


def publish_until_killed(broker: Broker, topic: str, confirmed: dict[str, bytes], tags: Iterator[int]) -> None:
    """Publish as quickly as the broker answers, and note what it answered for."""
    while True:
        data = [b"%d" % next(tags) for _ in range(random.randint(1, 30))]
        messages = [{"data": one} for one in data]
        try:
            response = broker.publisher.publish(topic=topic, messages=messages, retry=None, timeout=10)
        except GoogleAPICallError:
            return
        confirmed.update(zip(response.message_ids, data, strict=True))


def drain(broker: Broker, subscription: str) -> dict[str, bytes]:
    """Pull and acknowledge until nothing comes any more."""
    got: dict[str, bytes] = {}
    while received := broker.pull(subscription, 1000, timeout=2):
        got |= {one.message.message_id: one.message.data for one in received}
        broker.ack(subscription, *received)
    return got


def test_kill_9_while_publishing_loses_nothing_that_was_answered(process: BrokerProcess) -> None:
    broker = process.start()
    topic, subscription = broker.pair()
    confirmed: dict[str, bytes] = {}
    tags = itertools.count()
    for _ in range(3):
        before = len(confirmed)
        publishers = [
            threading.Thread(target=publish_until_killed, args=(broker, topic, confirmed, tags)) for _ in range(3)
        ]
        for thread in publishers:
            thread.start()
        eventually(lambda before=before: len(confirmed) > before + 500, "publishes")
        process.kill()
        for thread in publishers:
            thread.join(15)
        broker = process.start()
    got = drain(broker, subscription)
    assert {id_: got.get(id_) for id_ in confirmed} == confirmed
    assert len(confirmed) > 1500


def test_an_answered_ack_holds_after_kill_9(process: BrokerProcess) -> None:
    broker = process.start()
    topic, subscription = broker.pair()
    acked: set[bytes] = set()
    for round_ in range(3):
        broker.publish(topic, *[b"%d-%d" % (round_, n) for n in range(200)])
        received = broker.pull_all(subscription, 200)
        chosen = random.sample(received, 100)
        broker.ack(subscription, *chosen)
        acked.update(data_of(chosen))
        process.kill()
        broker = process.start()
    assert acked.isdisjoint(drain(broker, subscription).values())
    assert len(acked) == 300


def test_acks_on_a_stream_are_kept_over_a_stop(process: BrokerProcess) -> None:
    broker = process.start()
    topic, subscription = broker.pair()
    broker.publish(topic, *[b"%d" % n for n in range(100)])
    stream = broker.stream(subscription)
    received = stream.wait_for(100)
    stream.ack(*received[:60])
    stream.half_close()
    assert stream.wait_end() is grpc.StatusCode.OK
    assert process.terminate() == 0
    broker = process.start()
    assert sorted(drain(broker, subscription).values()) == sorted(data_of(received[60:]))


def test_what_was_leased_comes_again_after_a_restart(process: BrokerProcess) -> None:
    broker = process.start()
    topic, subscription = broker.pair(ack_deadline_seconds=600)
    broker.publish(topic, b"1", b"2")
    held = broker.pull_all(subscription, 2)
    process.kill()
    broker = process.start()
    again = broker.pull_all(subscription, 2)
    assert sorted(data_of(again)) == [b"1", b"2"]
    assert {one.ack_id for one in held}.isdisjoint(one.ack_id for one in again)


def test_an_ack_id_from_before_the_restart_settles_what_is_not_out_again(process: BrokerProcess) -> None:
    broker = process.start()
    topic, subscription = broker.pair()
    broker.publish(topic, b"1", b"2")
    first, _ = broker.pull_all(subscription, 2)
    process.kill()
    broker = process.start()
    broker.ack(subscription, first)
    assert list(drain(broker, subscription).values()) == [b"2"]


def test_topics_subscriptions_and_their_changes_are_kept(process: BrokerProcess) -> None:
    broker = process.start()
    kept, gone = broker.pair(), broker.pair()
    broker.subscriber.update_subscription(
        subscription={"name": kept[1], "ack_deadline_seconds": 77}, update_mask=mask("ack_deadline_seconds")
    )
    orphan = broker.subscription(gone[0])
    broker.publish(gone[0], b"of a topic that is gone")
    broker.publisher.delete_topic(topic=gone[0])
    broker.subscriber.delete_subscription(subscription=gone[1])
    process.kill()
    again = process.start()
    project = f"projects/{broker.project}"
    assert [topic.name for topic in again.publisher.list_topics(project=project)] == [kept[0]]
    subscriptions = {one.name: one for one in again.subscriber.list_subscriptions(project=project)}
    assert set(subscriptions) == {kept[1], orphan}
    assert subscriptions[kept[1]].ack_deadline_seconds == 77
    assert subscriptions[orphan].topic == "_deleted-topic_"
    assert list(drain(again, orphan).values()) == [b"of a topic that is gone"]


def test_a_dead_letter_is_not_delivered_again_after_a_restart(process: BrokerProcess) -> None:
    broker = process.start()
    dead = broker.topic()
    dead_subscription = broker.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    topic, subscription = broker.pair(dead_letter_policy=policy)
    broker.publish(topic, b"dead")
    for _ in range(5):
        broker.modify(subscription, 0, *broker.pull(subscription))
    eventually(lambda: broker.pull(dead_subscription), "the dead letter")
    process.kill()
    broker = process.start()
    assert drain(broker, subscription) == {}
    assert list(drain(broker, dead_subscription).values()) == [b"dead"]


def test_ack_ids_of_a_log_that_was_deleted_settle_nothing(process: BrokerProcess) -> None:
    """Not even where the new log has a message and a subscription of the same numbers."""
    broker = process.start()
    topic, subscription = broker.pair()
    broker.publish(topic, b"1", b"2")
    old = broker.pull_all(subscription, 2)
    process.kill()
    for file in process.data.iterdir():
        file.unlink()
    broker = process.start()
    topic, subscription = broker.pair()
    broker.ack(subscription, *old)
    broker.publish(topic, b"1", b"2")
    broker.ack(subscription, *old)
    assert sorted(drain(broker, subscription).values()) == [b"1", b"2"]


def test_ids_rise_over_restarts(process: BrokerProcess) -> None:
    broker = process.start()
    topic, subscription = broker.pair()
    ids = [int(id_) for id_ in broker.publish(topic, b"1", b"2")]
    drain(broker, subscription)
    for end in (process.kill, process.terminate):
        end()
        broker = process.start()
        ids += [int(id_) for id_ in broker.publish(topic, b"3")]
    assert ids == sorted(set(ids))


def test_a_stop_ends_streams_and_waiting_pulls_and_takes_no_time(process: BrokerProcess) -> None:
    broker = process.start()
    topic, subscription = broker.pair()
    stream = broker.stream(subscription)
    broker.publish(topic, b"x")
    stream.wait_for(1)
    started = time.monotonic()
    assert process.terminate() == 0
    assert time.monotonic() - started < 5
    assert stream.wait_end() is grpc.StatusCode.UNAVAILABLE
