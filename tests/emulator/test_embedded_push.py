"""Push subscriptions of the embedded emulator, from the publish to the endpoint."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pubsub_kit import Broker, eventually, refused, seconds
from push_endpoint import Posted, PushEndpoint

from pubsubctl.emulator.embedded import EmbeddedBroker, MovableClock


def push_pair(broker: Broker, url: str, *, push: dict[str, Any] | None = None, **settings: Any) -> tuple[str, str]:
    """A topic and a subscription that pushes to ``url``."""
    return broker.pair(push_config={"push_endpoint": url, **(push or {})}, **settings)


def wait_for(endpoint: PushEndpoint, count: int, *, within_s: float = 15.0) -> list[Posted]:
    eventually(lambda: len(endpoint.posted) >= count, f"{count} requests", within_s=within_s)
    return endpoint.posted


def gaps(posted: list[Posted]) -> list[float]:
    return [later.at - earlier.at for earlier, later in itertools.pairwise(posted)]


@contextlib.contextmanager
def own_broker(data_dir: Path, **options: Any) -> Iterator[tuple[Broker, EmbeddedBroker]]:
    """A broker of the test's own, and clients of it."""
    with EmbeddedBroker(data_dir, **options) as embedded:
        broker = Broker("embedded", embedded.address)
        yield broker, embedded
        broker.close()


# The request


def test_a_message_is_posted_as_documented_and_acknowledged_by_the_answer(embedded: Broker) -> None:
    with PushEndpoint() as endpoint:
        topic, subscription = push_pair(embedded, f"{endpoint.url}?token=1#part")
        [id_] = embedded.publish(topic, b"Hello", attributes={"key": "välue"}, ordering_key="k")
        [posted] = wait_for(endpoint, 1)
        message = posted.json["message"]
        assert message["publishTime"] == message["publish_time"]
        time.strptime(message.pop("publishTime"), "%Y-%m-%dT%H:%M:%S.%fZ")
        assert len(message.pop("publish_time")) == len("2021-02-26T19:13:55.749Z")
        assert posted.json["subscription"] == subscription
        assert message == {
            "attributes": {"key": "välue"},
            "data": "SGVsbG8=",
            "messageId": id_,
            "message_id": id_,
            "orderingKey": "k",
        }
        assert posted.path == "/push?token=1"
        assert posted.headers["content-type"] == "application/json"
        assert posted.headers["host"] == f"127.0.0.1:{endpoint.port}"
        assert "authorization" not in posted.headers


def test_what_a_message_does_not_have_is_left_out(embedded: Broker) -> None:
    with PushEndpoint() as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        embedded.publish(topic, b"x")
        embedded.publish(topic, b"", attributes={"only": "this"})
        first, second = (
            posted.json for posted in sorted(wait_for(endpoint, 2), key=lambda one: one.json["message"]["messageId"])
        )
        always = {"messageId", "message_id", "publishTime", "publish_time"}
        assert set(first) == {"message", "subscription"}
        assert set(first["message"]) == {"data", *always}
        assert set(second["message"]) == {"attributes", *always}


def test_an_unwrapped_message_has_its_data_as_the_body_and_no_metadata_unless_asked(embedded: Broker) -> None:
    with PushEndpoint() as plain, PushEndpoint() as told:
        topic = embedded.topic()
        embedded.subscription(topic, push_config={"push_endpoint": plain.url, "no_wrapper": {}})
        name = embedded.subscription(
            topic, push_config={"push_endpoint": told.url, "no_wrapper": {"write_metadata": True}}
        )
        attributes = {"Content-Type": "text/plain", "a": "b", "empty": ""}
        [id_] = embedded.publish(topic, b"\x00raw", attributes=attributes, ordering_key="k")
        [posted] = wait_for(plain, 1)
        assert posted.body == b"\x00raw"
        assert not {"content-type", "a"} & set(posted.headers)
        assert not [field for field in posted.headers if field.startswith("x-goog-pubsub-")]
        [posted] = wait_for(told, 1)
        assert posted.body == b"\x00raw"
        expected = {
            "content-type": "text/plain",
            "a": "b",
            "empty": "",
            "x-goog-pubsub-subscription-name": name,
            "x-goog-pubsub-message-id": id_,
            "x-goog-pubsub-ordering-key": "k",
        }
        assert expected.items() <= posted.headers.items()
        time.strptime(posted.headers["x-goog-pubsub-publish-time"], "%Y-%m-%dT%H:%M:%S.%fZ")


def test_attributes_that_can_be_no_header_field_are_left_out(embedded: Broker) -> None:
    with PushEndpoint() as endpoint:
        topic, _ = push_pair(embedded, endpoint.url, push={"no_wrapper": {"write_metadata": True}})
        attributes = {
            "fine": " \u00e9 ",
            "two words": "x",
            "naïve": "x",
            "break": "x\r\nInjected: yes",
            "nul": "\x00",
            "Content-Length": "1",
            "Transfer-Encoding": "chunked",
            "Host": "elsewhere",
            "x-goog-pubsub-message-id": "forged",
        }
        [id_] = embedded.publish(topic, b"body", attributes=attributes)
        [posted] = wait_for(endpoint, 1)
        assert posted.body == b"body"
        assert posted.headers["fine"].encode("latin-1").decode() == "\u00e9"
        assert posted.headers["x-goog-pubsub-message-id"] == id_
        assert posted.headers["host"] == f"127.0.0.1:{endpoint.port}"
        assert not {"two words", "naïve", "break", "injected", "nul", "transfer-encoding"} & set(posted.headers)


def test_a_message_of_nine_megabytes_is_pushed(embedded: Broker) -> None:
    with PushEndpoint() as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        data = bytes(range(256)) * 36_000
        embedded.publish(topic, data)
        assert wait_for(endpoint, 1)[0].data == data


# The answer


@pytest.mark.parametrize("status", [102, 200, 201, 202, 204])
def test_some_statuses_acknowledge(embedded: Broker, status: int) -> None:
    with PushEndpoint(lambda _: status) as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        embedded.publish(topic, b"1")
        wait_for(endpoint, 1)
        embedded.publish(topic, b"2")
        wait_for(endpoint, 2)
        time.sleep(0.3)  # longer than the first pause after a failure
        assert endpoint.data == [b"1", b"2"]


@pytest.mark.parametrize("status", [203, 206, 301, 307, 400, 404, 429, 500, 503])
def test_all_others_do_not_and_redirects_are_not_followed(embedded: Broker, status: int) -> None:
    with PushEndpoint(lambda _: status) as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        embedded.publish(topic, b"1")
        assert {posted.path for posted in wait_for(endpoint, 3)} == {"/push"}


def test_pauses_double_after_each_failure_and_are_short_again_after_a_success(embedded: Broker) -> None:
    answers = iter([500, 500, 500, 500, 204, 500, 204])
    with PushEndpoint(lambda _: next(answers)) as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        embedded.publish(topic, b"1")
        wait_for(endpoint, 5)
        embedded.publish(topic, b"2")
        wait_for(endpoint, 7)
        assert endpoint.data == [b"1"] * 5 + [b"2"] * 2
        measured = gaps(endpoint.posted)
        for gap, expected in zip([*measured[:4], measured[5]], [0.1, 0.2, 0.4, 0.8, 0.1], strict=True):
            assert expected <= gap < expected + 0.35


def test_a_retry_policy_sets_when_a_message_comes_again(embedded: Broker) -> None:
    policy = {"minimum_backoff": seconds(0.4), "maximum_backoff": seconds(0.5)}
    with PushEndpoint(lambda _: 500) as endpoint:
        topic, _ = push_pair(embedded, endpoint.url, retry_policy=policy)
        embedded.publish(topic, b"1")
        wait_for(endpoint, 4)
        assert gaps(endpoint.posted)[:3] == pytest.approx([0.4, 0.5, 0.5], abs=0.25)


def test_a_message_that_always_fails_holds_up_nobody_for_long(embedded: Broker) -> None:
    with PushEndpoint(lambda posted: 500 if posted.data == b"bad" else 204) as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        embedded.publish(topic, b"bad", *[b"%d" % number for number in range(300)])
        eventually(lambda: len(set(endpoint.data)) == 301, "all messages", within_s=3)
        wait_for(endpoint, 304)
        assert endpoint.data.count(b"bad") == len(endpoint.posted) - 300


def test_a_message_that_fails_too_often_becomes_a_dead_letter(embedded: Broker) -> None:
    with PushEndpoint(lambda _: 500) as endpoint:
        dead = embedded.topic()
        dead_subscription = embedded.subscription(dead)
        policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
        topic, _ = push_pair(embedded, endpoint.url, dead_letter_policy=policy)
        embedded.publish(topic, b"1")
        [letter] = embedded.pull_all(dead_subscription, 1)
        assert letter.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
        assert [posted.json["deliveryAttempt"] for posted in endpoint.posted] == [1, 2, 3, 4, 5]


def test_an_endpoint_that_is_down_gets_the_messages_once_it_is_up(embedded: Broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    topic, _ = push_pair(embedded, f"http://127.0.0.1:{port}/push")
    embedded.publish(topic, *[b"%d" % number for number in range(500)])
    busy, begun = time.process_time(), time.monotonic()
    time.sleep(1.0)  # the measure is what it costs meanwhile
    assert (time.process_time() - busy) / (time.monotonic() - begun) < 0.2
    with PushEndpoint(port=port) as endpoint:
        eventually(lambda: len(set(endpoint.data)) == 500, "all messages")


def test_moving_the_clock_ends_pauses(tmp_path: Path) -> None:
    clock = MovableClock()
    with own_broker(tmp_path, clock=clock) as (broker, _), PushEndpoint(lambda _: 500) as endpoint:
        topic, _ = push_pair(broker, endpoint.url)
        broker.publish(topic, b"1")
        wait_for(endpoint, 4)
        for number in range(5, 9):
            time.sleep(0.05)  # until the answer was heard
            clock.advance(61)
            wait_for(endpoint, number, within_s=0.7)


# Pace


def test_few_requests_are_under_way_at_first_and_many_later(embedded: Broker) -> None:
    released = threading.Event()

    def answer(_: Posted) -> int:
        released.wait(10)
        time.sleep(0.05)  # work
        return 204

    with PushEndpoint(answer) as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        embedded.publish(topic, *[b"%d" % number for number in range(900)])
        wait_for(endpoint, 4)
        time.sleep(0.2)  # more would come now
        assert endpoint.most_ongoing == 4
        released.set()
        eventually(lambda: len(endpoint.posted) == 900, "all messages")
        assert 16 < endpoint.most_ongoing <= 64


def test_connections_are_used_again(embedded: Broker) -> None:
    with PushEndpoint() as endpoint:
        topic, _ = push_pair(embedded, endpoint.url)
        for number in range(20):
            embedded.publish(topic, b"%d" % number)
            wait_for(endpoint, number + 1)
        assert len({posted.connection for posted in endpoint.posted}) <= 3


# Ordering keys


def test_messages_of_a_key_are_posted_one_after_the_other(embedded: Broker) -> None:
    ongoing: set[str] = set()
    overlaps: list[str] = []

    def answer(posted: Posted) -> int:
        key = posted.json["message"]["orderingKey"]
        if key in ongoing:
            overlaps.append(key)
        ongoing.add(key)
        time.sleep(0.002)  # time to overlap in
        ongoing.discard(key)
        return 204

    with PushEndpoint(answer) as endpoint:
        topic, _ = push_pair(embedded, endpoint.url, enable_message_ordering=True)
        for number in range(40):
            for key in "abc":
                embedded.publish(topic, b"%s%d" % (key.encode(), number), ordering_key=key)
        wait_for(endpoint, 120)
        for key in b"a", b"b", b"c":
            assert [data for data in endpoint.data if data[:1] == key] == [
                b"%s%d" % (key, number) for number in range(40)
            ]
        assert not overlaps


def test_after_a_failure_what_follows_in_the_key_waits_and_is_not_counted_as_delivered(embedded: Broker) -> None:
    failing = itertools.count()

    def answer(posted: Posted) -> int:
        return 500 if posted.data == b"a1" and next(failing) < 3 else 204

    with PushEndpoint(answer) as endpoint:
        policy = {"dead_letter_topic": embedded.topic(), "max_delivery_attempts": 5}
        topic, _ = push_pair(embedded, endpoint.url, enable_message_ordering=True, dead_letter_policy=policy)
        embedded.publish(topic, b"a0", b"a1", b"a2", b"a3", ordering_key="a")
        embedded.publish(topic, b"b0", ordering_key="b")
        wait_for(endpoint, 8)
        in_key = [(posted.data, posted.json["deliveryAttempt"]) for posted in endpoint.posted if posted.data != b"b0"]
        assert in_key == [(b"a0", 1), (b"a1", 1), (b"a1", 2), (b"a1", 3), (b"a1", 4), (b"a2", 1), (b"a3", 1)]


# Changes


def test_a_backlog_is_pushed_once_there_is_an_endpoint_and_pulled_once_there_is_none(embedded: Broker) -> None:
    with PushEndpoint() as endpoint:
        topic, subscription = embedded.pair()
        embedded.publish(topic, b"1")
        embedded.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": endpoint.url})
        wait_for(endpoint, 1)
        embedded.subscriber.modify_push_config(subscription=subscription, push_config={})
        embedded.publish(topic, b"2")
        [received] = embedded.pull_all(subscription, 1)
        assert received.message.data == b"2"
        assert endpoint.data == [b"1"]


def test_a_new_endpoint_does_not_wait_for_the_old_one_whose_answers_still_count(embedded: Broker) -> None:
    released = threading.Event()

    def answer(_: Posted) -> int:
        released.wait(10)
        return 204

    with PushEndpoint(answer) as slow, PushEndpoint() as quick:
        topic, subscription = push_pair(embedded, slow.url)
        embedded.publish(topic, *[b"%d" % number for number in range(10)])
        wait_for(slow, 4)
        embedded.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": quick.url})
        wait_for(quick, 6)
        released.set()
        embedded.subscriber.modify_push_config(subscription=subscription, push_config={})
        assert embedded.is_empty(subscription)
        assert sorted(slow.data + quick.data) == [b"%d" % number for number in range(10)]


def test_what_follows_in_a_key_goes_to_the_new_endpoint(embedded: Broker) -> None:
    released = threading.Event()

    def answer(_: Posted) -> int:
        released.wait(10)
        return 204

    with PushEndpoint(answer) as slow, PushEndpoint() as quick:
        topic, subscription = push_pair(embedded, slow.url, enable_message_ordering=True)
        embedded.publish(topic, b"1", b"2", b"3", ordering_key="k")
        wait_for(slow, 1)
        embedded.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": quick.url})
        released.set()
        wait_for(quick, 2)
        assert (slow.data, quick.data) == ([b"1"], [b"2", b"3"])


def test_nothing_is_pushed_for_a_subscription_that_was_deleted(embedded: Broker) -> None:
    with PushEndpoint(lambda _: 500) as endpoint:
        topic, subscription = push_pair(embedded, endpoint.url)
        embedded.publish(topic, b"1")
        wait_for(endpoint, 1)
        embedded.subscriber.delete_subscription(subscription=subscription)
        count = len(endpoint.posted)
        embedded.publish(topic, b"2")
        time.sleep(0.6)  # longer than the pause would be
        assert len(endpoint.posted) <= count + 1
        assert b"2" not in endpoint.data


def test_pushing_goes_on_after_a_restart(tmp_path: Path) -> None:
    with PushEndpoint(lambda _: 500) as endpoint, own_broker(tmp_path) as (broker, _):
        topic, _ = push_pair(broker, endpoint.url)
        broker.publish(topic, b"1")
        wait_for(endpoint, 1)
        port = endpoint.port
    with PushEndpoint(port=port) as endpoint, own_broker(tmp_path):
        wait_for(endpoint, 1)
        assert endpoint.data == [b"1"]


def test_the_broker_stops_at_once_while_requests_hang_and_leaves_nothing_behind(tmp_path: Path) -> None:
    released = threading.Event()

    def answer(_: Posted) -> int:
        released.wait(10)
        return 204

    before = set(threading.enumerate())
    with PushEndpoint(answer) as endpoint, own_broker(tmp_path) as (broker, embedded):
        topic, _ = push_pair(broker, endpoint.url)
        broker.publish(topic, *[b"%d" % number for number in range(10)])
        wait_for(endpoint, 4)
        begun = time.monotonic()
        embedded.stop()
        assert time.monotonic() - begun < 1.0
        released.set()
    eventually(lambda: {one for one in threading.enumerate() if "broker" in one.name} <= before, "threads to end")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "not a url", "http://"])
def test_an_endpoint_that_is_no_http_url_is_refused(embedded: Broker, url: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid push endpoint given (endpoint={url})"):
        push_pair(embedded, url)
    _, subscription = embedded.pair()
    with refused(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid push endpoint given (endpoint={url})"):
        embedded.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": url})
