"""Subscriptions: their settings, defaults, bounds and updates."""

from typing import Any

import pytest
from grpc import StatusCode
from pubsub_kit import Broker, mask, refused, seconds


def test_defaults(broker: Broker) -> None:
    topic = broker.topic()
    got = broker.subscriber.create_subscription(name=broker.name("subscriptions"), topic=topic)
    assert got.topic == topic
    assert got.ack_deadline_seconds == 10
    assert got.message_retention_duration.total_seconds() == 604_800
    assert "push_config" in got
    assert not got.push_config.push_endpoint
    assert not (got.retain_acked_messages)
    assert not (got.enable_message_ordering)
    assert not (got.enable_exactly_once_delivery)


@pytest.mark.embedded_only("tells no expiration policy and no state")
def test_defaults_that_are_told(broker: Broker) -> None:
    _, subscription = broker.pair()
    got = broker.subscriber.get_subscription(subscription=subscription)
    assert got.expiration_policy.ttl.total_seconds() == 31 * 86_400
    assert got.state == type(got).State.ACTIVE


def test_settings_are_kept(broker: Broker) -> None:
    topic, dead = broker.topic(), broker.topic()
    settings = {
        "ack_deadline_seconds": 600,
        "labels": {"k": "v"},
        "retain_acked_messages": True,
        "enable_message_ordering": True,
        "enable_exactly_once_delivery": True,
        "message_retention_duration": seconds(600),
        "expiration_policy": {"ttl": seconds(86_400)},
        "retry_policy": {"minimum_backoff": seconds(5), "maximum_backoff": seconds(60)},
        "dead_letter_policy": {"dead_letter_topic": dead, "max_delivery_attempts": 7},
    }
    name = broker.subscription(topic, **settings)
    got = broker.subscriber.get_subscription(subscription=name)
    assert got.ack_deadline_seconds == 600
    assert dict(got.labels) == {"k": "v"}
    assert got.retain_acked_messages
    assert got.enable_message_ordering
    assert got.enable_exactly_once_delivery
    assert got.message_retention_duration.total_seconds() == 600
    assert got.expiration_policy.ttl.total_seconds() == 86_400
    assert got.retry_policy.maximum_backoff.total_seconds() == 60
    assert (got.dead_letter_policy.dead_letter_topic, got.dead_letter_policy.max_delivery_attempts) == (dead, 7)


def test_never_expiring(broker: Broker) -> None:
    _, name = broker.pair(expiration_policy={})
    got = broker.subscriber.get_subscription(subscription=name)
    assert "ttl" not in got.expiration_policy


def test_policies_have_defaults(broker: Broker) -> None:
    dead = broker.topic()
    _, name = broker.pair(retry_policy={}, dead_letter_policy={"dead_letter_topic": dead})
    got = broker.subscriber.get_subscription(subscription=name)
    assert got.retry_policy.minimum_backoff.total_seconds() == 10
    assert got.retry_policy.maximum_backoff.total_seconds() == 600
    assert got.dead_letter_policy.max_delivery_attempts == 5


BAD = {
    "ack-deadline-601": ({"ack_deadline_seconds": 601}, "INVALID_ARGUMENT", "ack_deadline_secs out of bounds"),
    "ack-deadline-negative": ({"ack_deadline_seconds": -1}, "INVALID_ARGUMENT", "ack_deadline_secs out of bounds"),
    "retention-599": ({"message_retention_duration": seconds(599)}, "INVALID_ARGUMENT", "out of bounds"),
    "retention-32d": ({"message_retention_duration": seconds(32 * 86_400)}, "INVALID_ARGUMENT", "out of bounds"),
    "backoff-order": (
        {"retry_policy": {"minimum_backoff": seconds(60), "maximum_backoff": seconds(5)}},
        "INVALID_ARGUMENT",
        "The value for maximum_backoff is too small. You passed 5s in the request, but the minimum value is 60s.",
    ),
    "backoff-700": (
        {"retry_policy": {"minimum_backoff": seconds(1), "maximum_backoff": seconds(700)}},
        "INVALID_ARGUMENT",
        "The value for maximum_backoff is out of bounds. You passed 700s in the request",
    ),
    "dead-letter-missing": (
        {"dead_letter_policy": {"dead_letter_topic": "projects/P/topics/gone"}},
        "NOT_FOUND",
        "Dead letter topic not found",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_setting_out_of_bounds_is_refused(broker: Broker, case: str) -> None:
    settings, code, text = BAD[case]
    topic = broker.topic()
    with refused(StatusCode[code], text):
        broker.subscription(topic, **settings)


@pytest.mark.embedded_only("takes them")
@pytest.mark.parametrize(
    "settings",
    [{"ack_deadline_seconds": 9}, {"expiration_policy": {"ttl": seconds(86_399)}}],
    ids=["ack-deadline-9", "ttl"],
)
def test_a_setting_below_the_documented_minimum(broker: Broker, settings: dict[str, Any]) -> None:
    topic = broker.topic()
    with refused(StatusCode.INVALID_ARGUMENT, "out of bounds"):
        broker.subscription(topic, **settings)


@pytest.mark.embedded_only("refuses more than 7 days; the documented maximum is 31")
def test_the_longest_retention(broker: Broker) -> None:
    _, name = broker.pair(message_retention_duration=seconds(31 * 86_400))
    got = broker.subscriber.get_subscription(subscription=name)
    assert got.message_retention_duration.total_seconds() == 31 * 86_400


@pytest.mark.parametrize(("attempts", "bound"), [(4, "minimum value is 5"), (101, "maximum value is 100")])
def test_delivery_attempts_have_bounds(broker: Broker, attempts: int, bound: str) -> None:
    topic, dead = broker.topic(), broker.topic()
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": attempts}
    with refused(StatusCode.OUT_OF_RANGE, bound):
        broker.subscription(topic, dead_letter_policy=policy)


@pytest.mark.parametrize("id_", ["ab", "1ab", "googx", "a" * 256])
def test_an_improper_name_is_refused(broker: Broker, id_: str) -> None:
    topic = broker.topic()
    with refused(StatusCode.INVALID_ARGUMENT, "Invalid [subscriptions] name: (name="):
        broker.subscriber.create_subscription(name=broker.name("subscriptions", id_), topic=topic)


def test_a_name_is_taken_once(broker: Broker) -> None:
    topic, name = broker.pair()
    with refused(StatusCode.ALREADY_EXISTS, "Subscription already exists"):
        broker.subscriber.create_subscription(name=name, topic=topic)


def test_a_subscription_needs_its_topic(broker: Broker) -> None:
    with refused(StatusCode.NOT_FOUND, "Subscription topic does not exist"):
        broker.subscription(broker.name("topics"))
    with refused(StatusCode.INVALID_ARGUMENT, "Invalid [topics] name: (name=nonsense)"):
        broker.subscription("nonsense")


@pytest.mark.parametrize("call", ["get_subscription", "delete_subscription"])
def test_a_subscription_that_is_not_there(broker: Broker, call: str) -> None:
    with refused(StatusCode.NOT_FOUND, "Subscription does not exist"):
        getattr(broker.subscriber, call)(subscription=broker.name("subscriptions"))


def test_a_deleted_subscription_is_gone(broker: Broker) -> None:
    topic, name = broker.pair()
    broker.subscriber.delete_subscription(subscription=name)
    with refused(StatusCode.NOT_FOUND):
        broker.subscriber.get_subscription(subscription=name)
    assert list(broker.publisher.list_topic_subscriptions(topic=topic)) == []


def test_a_subscription_made_again_begins_empty(broker: Broker) -> None:
    topic, name = broker.pair()
    broker.publish(topic, b"before")
    broker.subscriber.delete_subscription(subscription=name)
    broker.subscriber.create_subscription(name=name, topic=topic)
    assert broker.is_empty(name)


def test_lists_come_by_name_and_in_pages(broker: Broker) -> None:
    topic = broker.topic()
    names = sorted(broker.subscription(topic) for _ in range(3))
    request = {"project": f"projects/{broker.project}", "page_size": 2}
    pages = broker.subscriber.list_subscriptions(request=request).pages
    assert [[one.name for one in page.subscriptions] for page in pages] == [names[:2], names[2:]]


def update(broker: Broker, name: str, *paths: str, **settings: Any) -> Any:
    return broker.subscriber.update_subscription(subscription={"name": name, **settings}, update_mask=mask(*paths))


def test_an_update_changes_what_the_mask_names(broker: Broker) -> None:
    dead = broker.topic()
    _, name = broker.pair(dead_letter_policy={"dead_letter_topic": dead})
    updated = update(broker, name, "ack_deadline_seconds", "dead_letter_policy", ack_deadline_seconds=30)
    assert updated.ack_deadline_seconds == 30
    assert "dead_letter_policy" not in updated
    assert update(broker, name, "ack_deadline_seconds").ack_deadline_seconds == 10


@pytest.mark.embedded_only("labels, expiration_policy and sub-paths are rejected")
def test_an_update_of_any_mutable_field_and_of_parts(broker: Broker) -> None:
    dead = broker.topic()
    _, name = broker.pair(dead_letter_policy={"dead_letter_topic": dead})
    policy = {"max_delivery_attempts": 9}
    updated = update(
        broker,
        name,
        "labels",
        "expiration_policy.ttl",
        "dead_letter_policy.max_delivery_attempts",
        labels={"a": "b"},
        expiration_policy={"ttl": seconds(86_400)},
        dead_letter_policy=policy,
    )
    assert dict(updated.labels) == {"a": "b"}
    assert updated.expiration_policy.ttl.total_seconds() == 86_400
    assert updated.dead_letter_policy.max_delivery_attempts == 9
    assert updated.dead_letter_policy.dead_letter_topic == dead
    assert "ttl" not in update(broker, name, "expiration_policy", expiration_policy={}).expiration_policy


@pytest.mark.parametrize("path", ["topic", "name", "enable_message_ordering", "detached", "nope", "ackDeadlineSeconds"])
def test_a_mask_that_cannot_be_followed_is_refused(broker: Broker, path: str) -> None:
    _, name = broker.pair()
    with refused(StatusCode.INVALID_ARGUMENT, "Invalid update_mask provided in the UpdateSubscriptionRequest"):
        update(broker, name, path)


def test_updates_that_cannot_be(broker: Broker) -> None:
    _, name = broker.pair()
    with refused(StatusCode.INVALID_ARGUMENT, "must contain a non-empty paths list"):
        update(broker, name)
    with refused(StatusCode.INVALID_ARGUMENT, "ack_deadline_secs out of bounds"):
        update(broker, name, "ack_deadline_seconds", ack_deadline_seconds=601)
    with refused(StatusCode.NOT_FOUND):
        update(broker, broker.name("subscriptions"), "ack_deadline_seconds", ack_deadline_seconds=30)


@pytest.mark.embedded_only("has no such field")
def test_the_topics_retention_is_shown(broker: Broker) -> None:
    name = broker.subscription(broker.topic(message_retention_duration=seconds(3600)))
    got = broker.subscriber.get_subscription(subscription=name)
    assert got.topic_message_retention_duration.total_seconds() == 3600


def test_what_is_not_acted_on_is_refused(embedded: Broker) -> None:
    topic = embedded.topic()
    with refused(StatusCode.UNIMPLEMENTED, "not implemented by the embedded emulator"):
        embedded.subscription(topic, bigquery_config={"table": "p.d.t"})
