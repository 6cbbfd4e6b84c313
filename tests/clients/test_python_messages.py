"""google-cloud-pubsub's generated clients over gRPC and over REST: publish, pull, settle, go back."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import BadRequest, NotFound
from pubsub_project import Project, data_of
from waiting import eventually

pytestmark = pytest.mark.parametrize("transport", ["grpc", "rest"])


def test_a_message_arrives_as_it_was_published(project: Project) -> None:
    topic, subscription = project.pair(enable_message_ordering=True)
    data = bytes(range(256))
    (id_,) = project.publish(topic, data, attributes={"name": "wert", "é": "ü"}, ordering_key="k")
    (received,) = project.pull(subscription, 1)
    message = received.message
    assert (message.data, message.message_id, message.ordering_key) == (data, id_, "k")
    assert dict(message.attributes) == {"name": "wert", "é": "ü"}
    assert abs(message.publish_time - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_megabyte_goes_and_comes(project: Project) -> None:
    topic, subscription = project.pair()
    data = bytes(1_000_000)
    project.publish(topic, data)
    assert data_of(project.pull(subscription, 1)) == [data]


def test_what_is_acknowledged_is_gone_and_what_is_refused_comes_again(project: Project) -> None:
    topic, subscription = project.pair()
    project.publish(topic, b"kept", b"refused")
    kept, refused = sorted(project.pull(subscription, 2), key=lambda one: one.message.data)[0:2]
    project.ack(subscription, kept)
    project.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[refused.ack_id], ack_deadline_seconds=0)
    again = project.pull(subscription, 1)
    assert data_of(again) == [b"refused"]
    project.ack(subscription, *again)
    assert project.is_empty(subscription)


def test_only_messages_that_pass_the_filter_come(project: Project) -> None:
    topic, subscription = project.pair(filter='attributes.kind = "a" AND NOT hasPrefix(attributes.path, "/x")')
    project.publish(topic, b"1", attributes={"kind": "a", "path": "/x/y"})
    project.publish(topic, b"2", attributes={"kind": "a", "path": "/y"})
    project.publish(topic, b"3", attributes={"kind": "b"})
    assert data_of(project.pull(subscription, 1)) == [b"2"]
    assert project.is_empty(subscription)


def test_a_snapshot_brings_back_what_was_not_acknowledged_then(project: Project) -> None:
    topic, subscription = project.pair()
    project.publish(topic, b"before")
    snapshot = project.new("snapshots")
    project.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    project.publish(topic, b"after")
    project.ack(subscription, *project.pull(subscription, 2))
    assert project.is_empty(subscription)
    project.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert sorted(data_of(project.pull(subscription, 2))) == [b"after", b"before"]


def test_a_seek_to_a_time_brings_back_or_clears_away(project: Project) -> None:
    topic, subscription = project.pair(retain_acked_messages=True)
    project.publish(topic, b"x")
    project.ack(subscription, *project.pull(subscription, 1))
    now = datetime.now(UTC)
    project.subscriber.seek(request={"subscription": subscription, "time": now - timedelta(minutes=5)})
    assert data_of(project.pull(subscription, 1)) == [b"x"]
    project.subscriber.seek(request={"subscription": subscription, "time": now + timedelta(minutes=5)})
    assert project.is_empty(subscription)


def test_what_is_refused_too_often_goes_to_the_dead_letter_topic(project: Project) -> None:
    graveyard, buried = project.pair()
    topic, subscription = project.pair(dead_letter_policy={"dead_letter_topic": graveyard, "max_delivery_attempts": 5})
    project.publish(topic, b"poison", attributes={"a": "b"})
    for attempt in range(1, 6):
        (received,) = project.pull(subscription, 1)
        assert received.delivery_attempt == attempt
        project.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[received.ack_id], ack_deadline_seconds=0
        )
    (dead,) = project.pull(buried, 1)
    assert (dead.message.data, dead.message.attributes["a"]) == (b"poison", "b")
    assert dead.message.attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.rsplit("/", 1)[1]
    assert dead.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"


def test_refusals_name_what_is_wrong(project: Project) -> None:
    topic, subscription = project.pair()
    with pytest.raises(NotFound, match="Topic not found"):
        project.publish(f"{project.path}/topics/nowhere", b"x")
    with pytest.raises(NotFound, match="Subscription does not exist"):
        project.subscriber.pull(subscription=f"{project.path}/subscriptions/nowhere", max_messages=1)
    with pytest.raises(BadRequest, match="Some messages are empty"):
        project.publish(topic, b"")
    with pytest.raises(BadRequest, match="ack"):
        project.subscriber.acknowledge(subscription=subscription, ack_ids=["garbage"])
    with pytest.raises(BadRequest, match="out of bounds"):
        project.subscription(topic, ack_deadline_seconds=5)


def test_an_ack_that_comes_too_late_fails_where_delivery_is_exactly_once(project: Project) -> None:
    topic, subscription = project.pair(enable_exactly_once_delivery=True)
    project.publish(topic, b"x")
    (stale,) = project.pull(subscription, 1)
    project.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[stale.ack_id], ack_deadline_seconds=0)
    (fresh,) = project.pull(subscription, 1)
    with pytest.raises(BadRequest) as caught:
        project.ack(subscription, stale)
    assert caught.value.reason == "EXACTLY_ONCE_ACKID_FAILURE"
    assert caught.value.metadata == {stale.ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}
    project.ack(subscription, fresh)
    eventually(lambda: project.is_empty(subscription), "the acknowledged message to be gone")
