"""google-cloud-pubsub's generated clients over gRPC and over REST: what there is, and how it is changed and listed."""

from datetime import timedelta

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.protobuf.field_mask_pb2 import FieldMask
from pubsub_project import Project

pytestmark = pytest.mark.parametrize("transport", ["grpc", "rest"])


def test_topics_are_made_changed_listed_and_deleted(project: Project) -> None:
    topic = project.topic(labels={"team": "a"}, message_retention_duration=timedelta(hours=1))
    wanted = {"name": topic, "labels": {"team": "b"}}
    project.publisher.update_topic(topic=wanted, update_mask=FieldMask(paths=["labels"]))
    found = project.publisher.get_topic(topic=topic)
    assert (dict(found.labels), found.message_retention_duration) == ({"team": "b"}, timedelta(hours=1))
    with pytest.raises(Conflict):
        project.publisher.create_topic(name=topic)
    project.publisher.delete_topic(topic=topic)
    with pytest.raises(NotFound):
        project.publisher.get_topic(topic=topic)


def test_every_page_of_every_list_is_found(project: Project) -> None:
    topics = [project.topic() for _ in range(7)]
    subscriptions = [project.subscription(topics[0]) for _ in range(7)]
    snapshots = [project.new("snapshots") for _ in range(5)]
    for name in snapshots:
        project.subscriber.create_snapshot(name=name, subscription=subscriptions[0])
    sized = {"page_size": 3}
    path, topic = {"project": project.path, **sized}, {"topic": topics[0], **sized}
    publisher, subscriber = project.publisher, project.subscriber
    assert [one.name for one in publisher.list_topics(request=path)] == topics
    assert [one.name for one in subscriber.list_subscriptions(request=path)] == subscriptions
    assert [one.name for one in subscriber.list_snapshots(request=path)] == snapshots
    assert list(publisher.list_topic_subscriptions(request=topic)) == subscriptions
    assert list(publisher.list_topic_snapshots(request=topic)) == snapshots
    assert len(list(publisher.list_topics(request=path).pages)) == 3


def test_a_subscription_keeps_its_settings(project: Project) -> None:
    topic, dead = project.topic(), project.topic()
    name = project.subscription(
        topic,
        ack_deadline_seconds=33,
        retain_acked_messages=True,
        message_retention_duration=timedelta(hours=2),
        labels={"a": "b"},
        enable_message_ordering=True,
        expiration_policy={"ttl": timedelta(days=2)},
        filter='attributes.kind = "x"',
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 7},
        retry_policy={"minimum_backoff": timedelta(seconds=2), "maximum_backoff": timedelta(seconds=20)},
        enable_exactly_once_delivery=True,
    )
    found = project.subscriber.get_subscription(subscription=name)
    assert (found.topic, found.ack_deadline_seconds, found.filter) == (topic, 33, 'attributes.kind = "x"')
    assert found.retain_acked_messages
    assert found.enable_message_ordering
    assert found.enable_exactly_once_delivery
    assert found.expiration_policy.ttl == timedelta(days=2)
    assert (found.dead_letter_policy.dead_letter_topic, found.dead_letter_policy.max_delivery_attempts) == (dead, 7)
    assert found.retry_policy.maximum_backoff == timedelta(seconds=20)


def test_a_subscription_is_changed_where_the_mask_says_so(project: Project) -> None:
    _, name = project.pair(ack_deadline_seconds=33, labels={"a": "b"}, filter='attributes.kind = "x"')
    # This is what kombu sends on finding its queue there.
    paths = ["ack_deadline_seconds", "expiration_policy.ttl", "message_retention_duration", "filter"]
    wanted = {
        "name": name,
        "ack_deadline_seconds": 44,
        "expiration_policy": {"ttl": timedelta(days=3)},
        "message_retention_duration": timedelta(hours=1),
        "filter": 'attributes.kind = "x"',
    }
    changed = project.subscriber.update_subscription(subscription=wanted, update_mask=FieldMask(paths=paths))
    assert changed == project.subscriber.get_subscription(subscription=name)
    assert (changed.ack_deadline_seconds, changed.expiration_policy.ttl) == (44, timedelta(days=3))
    assert (changed.message_retention_duration, dict(changed.labels)) == (timedelta(hours=1), {"a": "b"})
    with pytest.raises(BadRequest):
        project.subscriber.update_subscription(
            subscription={"name": name, "filter": 'attributes.kind = "y"'}, update_mask=FieldMask(paths=["filter"])
        )


def test_a_snapshot_is_labelled_and_deleted(project: Project) -> None:
    _, subscription = project.pair()
    name = project.new("snapshots")
    made = project.subscriber.create_snapshot(request={"name": name, "subscription": subscription})
    wanted = {"name": name, "labels": {"why": "release"}}
    project.subscriber.update_snapshot(request={"snapshot": wanted, "update_mask": FieldMask(paths=["labels"])})
    found = project.subscriber.get_snapshot(snapshot=name)
    assert (dict(found.labels), found.expire_time) == ({"why": "release"}, made.expire_time)
    project.subscriber.delete_snapshot(snapshot=name)
    with pytest.raises(NotFound):
        project.subscriber.seek(request={"subscription": subscription, "snapshot": name})


def test_a_detached_subscription_gives_nothing(project: Project) -> None:
    topic, subscription = project.pair()
    project.publish(topic, b"lost")
    project.publisher.detach_subscription(request={"subscription": subscription})
    assert project.subscriber.get_subscription(subscription=subscription).detached
    assert list(project.publisher.list_topic_subscriptions(topic=topic)) == []
    with pytest.raises(BadRequest):
        project.subscriber.pull(subscription=subscription, max_messages=1)


def test_who_may_do_what_is_set_and_read(project: Project) -> None:
    topic = project.topic()
    policy = {"bindings": [{"role": "roles/pubsub.publisher", "members": ["user:a@example.com"]}]}
    project.publisher.set_iam_policy(request={"resource": topic, "policy": policy})
    found = project.publisher.get_iam_policy(request={"resource": topic})
    assert [(one.role, list(one.members)) for one in found.bindings] == [
        ("roles/pubsub.publisher", ["user:a@example.com"])
    ]
    wanted = ["pubsub.topics.publish"]
    answer = project.publisher.test_iam_permissions(request={"resource": topic, "permissions": wanted})
    assert list(answer.permissions) == wanted
