"""google-cloud-pubsub's subscriber: callbacks, leases, order, flow control, and how it ends."""

import threading
import time

import pytest
from google.api_core.exceptions import NotFound
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message
from pubsub_project import Project, data_of
from subscribing import STOP_S, subscribed
from waiting import eventually

pytestmark = pytest.mark.usefixtures("environment")


def numbered(count: int) -> list[bytes]:
    return [b"%03d" % n for n in range(count)]


def test_subscribers_share_the_messages_and_none_is_left(project: Project) -> None:
    topic, subscription = project.pair()
    with subscribed(subscription, max_messages=20) as one, subscribed(subscription, max_messages=20) as other:
        project.publish(topic, *numbered(500))
        eventually(lambda: len(one.received.messages) + len(other.received.messages) >= 500, "all messages")
        assert sorted(one.received.data + other.received.data) == numbered(500)
    assert project.is_empty(subscription)


def test_a_callback_that_fails_or_refuses_gets_the_message_again(project: Project) -> None:
    topic, subscription = project.pair(
        dead_letter_policy={"dead_letter_topic": project.topic(), "max_delivery_attempts": 9}
    )

    def act(message: Message) -> None:
        if message.delivery_attempt == 1:
            message.nack()
        elif message.delivery_attempt == 2:
            message.modify_ack_deadline(0)
        else:
            message.ack()

    project.publish(topic, b"x")
    with subscribed(subscription, act) as running:
        attempts = [message.delivery_attempt for message in running.received.wait_for(3)]
    assert attempts == [1, 2, 3]
    assert project.is_empty(subscription)


def test_a_message_is_kept_from_others_for_as_long_as_its_callback_runs(project: Project) -> None:
    topic, subscription = project.pair(ack_deadline_seconds=10)
    done = threading.Event()

    def act(message: Message) -> None:
        if message.data == b"long":
            done.wait(30)
        message.ack()

    with subscribed(subscription, act, max_duration_per_lease_extension=10) as running:
        project.publish(topic, b"long")
        running.received.wait_for(1)
        give_up = time.monotonic() + 12
        while time.monotonic() < give_up:
            assert project.is_empty(subscription)
            time.sleep(0.5)
        project.publish(topic, b"short")
        running.received.wait_for(2)
        done.set()
    assert running.received.data == [b"long", b"short"]
    assert project.is_empty(subscription)


def test_messages_come_in_the_order_of_their_key_even_if_one_is_refused(project: Project) -> None:
    topic, subscription = project.pair(enable_message_ordering=True)
    refused = threading.Event()

    def act(message: Message) -> None:
        if message.data == b"010" and not refused.is_set():
            refused.set()
            message.nack()
        else:
            message.ack()

    project.publish(topic, *numbered(40), ordering_key="k")
    with subscribed(subscription, act, max_messages=5) as running:
        eventually(lambda: b"039" in running.received.data, "the last message")
    data = running.received.data
    again = data.index(b"010", data.index(b"010") + 1)
    assert data[again:] == numbered(40)[10:]
    assert data[:11] == numbered(11)


def test_a_subscriber_holds_no_more_messages_than_it_may(project: Project) -> None:
    topic, subscription = project.pair()
    project.publish(topic, *numbered(40))
    free = threading.Event()

    def act(message: Message) -> None:
        free.wait(30)
        message.ack()

    with subscribed(subscription, act, max_messages=4) as running:
        running.received.wait_for(4)
        others = project.pull(subscription, 36)
        assert len(running.received.messages) == 4
        project.ack(subscription, *others)
        free.set()
    assert sorted(data_of(others) + running.received.data) == numbered(40)


def test_a_subscriber_holds_no_more_bytes_than_it_may(project: Project) -> None:
    topic, subscription = project.pair()
    project.publish(topic, *[bytes(1_000)] * 10)
    free = threading.Event()

    def act(message: Message) -> None:
        free.wait(30)
        message.ack()

    with subscribed(subscription, act, max_bytes=3_000) as running:
        running.received.wait_for(2)
        others = project.pull(subscription, 7)
        assert len(running.received.messages) <= 3
        project.ack(subscription, *others)
        free.set()
        running.received.wait_for(10 - len(others))


def test_what_a_subscriber_had_not_begun_when_it_stopped_is_free_at_once(project: Project) -> None:
    topic, subscription = project.pair(ack_deadline_seconds=600)
    project.publish(topic, *numbered(30))
    free = threading.Event()

    def act(message: Message) -> None:
        free.wait(30)
        message.ack()

    with subscribed(subscription, act, max_messages=10, threads=1) as running:
        running.received.wait_for(1)
        running.future.cancel()
        free.set()
        running.future.result(STOP_S)
    begun = running.received.data
    rest = project.pull(subscription, 30 - len(begun), within_s=60)  # a tenth of the ack deadline
    assert sorted(begun + data_of(rest)) == numbered(30)


def test_a_subscriber_ends_when_its_subscription_is_deleted(project: Project) -> None:
    _, subscription = project.pair()
    with SubscriberClient() as client:
        future = client.subscribe(subscription, Message.ack)
        project.subscriber.delete_subscription(subscription=subscription)
        with pytest.raises(NotFound):
            future.result(STOP_S)
