"""Topics, as google.pubsub.v1 documents them."""

import pytest
from grpc import StatusCode
from pubsub_kit import Broker, mask, refused, seconds


@pytest.mark.parametrize(
    "id_", ["abc", "a" * 255, "a-_.~+%25z", "a%zz", "Goog", "A1-"], ids=lambda id_: f"{id_[:12]}-{len(id_)}"
)
def test_a_proper_name_is_taken(broker: Broker, id_: str) -> None:
    name = broker.name("topics", id_)
    assert broker.publisher.create_topic(name=name).name == name
    assert broker.publisher.get_topic(topic=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "projects/P/topics/ab",
        "projects/P/topics/1abc",
        "projects/P/topics/googabc",
        "projects/P/topics/bad name",
        "projects/P/topics/a/b/c",
        "projects/P/topics/" + "a" * 256,
        "projects/P/topics/aéé",
        "projects/P/topics/abcd/",
        "projects/P/subscriptions/abc",
        "demo/topics/abc",
        "_deleted-topic_",
        "",
    ],
    ids=lambda name: name[:32],
)
def test_an_improper_name_is_refused(broker: Broker, name: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, f"Invalid [topics] name: (name={name})"):
        broker.publisher.create_topic(name=name)


def test_a_name_is_taken_once(broker: Broker) -> None:
    name = broker.topic()
    with refused(StatusCode.ALREADY_EXISTS, "Topic already exists"):
        broker.publisher.create_topic(name=name)


def test_settings_are_kept(broker: Broker) -> None:
    name = broker.topic(labels={"team": "a"}, message_retention_duration=seconds(3600), kms_key_name="k")
    got = broker.publisher.get_topic(topic=name)
    assert dict(got.labels) == {"team": "a"}
    assert got.message_retention_duration.total_seconds() == 3600
    assert got.kms_key_name == "k"


@pytest.mark.parametrize("retention_s", [300, 599, 40 * 86_400])
def test_retention_has_bounds(broker: Broker, retention_s: int) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "message_retention_duration out of bounds"):
        broker.topic(message_retention_duration=seconds(retention_s))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda broker, name: broker.publisher.get_topic(topic=name), "Topic not found"),
        (lambda broker, name: broker.publisher.delete_topic(topic=name), "Topic not found"),
        (lambda broker, name: broker.publisher.publish(topic=name, messages=[{"data": b"x"}]), "Topic not found"),
        (
            lambda broker, name: broker.publisher.update_topic(
                topic={"name": name}, update_mask=mask("message_retention_duration")
            ),
            "Topic not found",
        ),
    ],
    ids=["get", "delete", "publish", "update"],
)
def test_a_topic_that_is_not_there(broker: Broker, call: object, text: str) -> None:
    with refused(StatusCode.NOT_FOUND, text):
        call(broker, broker.name("topics"))  # type: ignore[operator]


@pytest.mark.embedded_only("answers with an empty list")
def test_subscriptions_of_a_topic_that_is_not_there(broker: Broker) -> None:
    with refused(StatusCode.NOT_FOUND, "Topic not found"):
        list(broker.publisher.list_topic_subscriptions(topic=broker.name("topics")))


def test_lists_come_by_name_and_in_pages(broker: Broker) -> None:
    names = sorted(broker.topic() for _ in range(5))
    project = f"projects/{broker.project}"
    assert [topic.name for topic in broker.publisher.list_topics(project=project)] == names
    pages = broker.publisher.list_topics(request={"project": project, "page_size": 2}).pages
    assert [[topic.name for topic in page.topics] for page in pages] == [names[:2], names[2:4], names[4:]]


def test_a_page_that_is_full_is_the_last_if_nothing_follows(broker: Broker) -> None:
    broker.topic()
    request = {"project": f"projects/{broker.project}", "page_size": 1}
    assert [page.next_page_token for page in broker.publisher.list_topics(request=request).pages] == [""]


def test_a_project_without_topics_has_an_empty_list(broker: Broker) -> None:
    assert list(broker.publisher.list_topics(project=f"projects/{broker.project}")) == []


@pytest.mark.embedded_only("UNKNOWN: Application error processing RPC")
def test_an_improper_project_is_refused(broker: Broker) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "(name=nonsense)"):
        list(broker.publisher.list_topics(project="nonsense"))


def test_subscriptions_of_a_topic(broker: Broker) -> None:
    topic = broker.topic()
    names = sorted(broker.subscription(topic) for _ in range(3))
    assert list(broker.publisher.list_topic_subscriptions(topic=topic)) == names


def test_an_update_changes_what_the_mask_names(broker: Broker) -> None:
    name = broker.topic(labels={"a": "1"})
    new = {"name": name, "labels": {"b": "2"}, "message_retention_duration": seconds(3600)}
    updated = broker.publisher.update_topic(topic=new, update_mask=mask("message_retention_duration"))
    assert updated.message_retention_duration.total_seconds() == 3600
    assert dict(broker.publisher.get_topic(topic=name).labels) == {"a": "1"}


@pytest.mark.embedded_only("labels is not a known Topic field")
def test_labels_can_be_changed(broker: Broker) -> None:
    name = broker.topic(labels={"a": "1"})
    broker.publisher.update_topic(topic={"name": name, "labels": {"b": "2"}}, update_mask=mask("labels"))
    assert dict(broker.publisher.get_topic(topic=name).labels) == {"b": "2"}


@pytest.mark.parametrize("path", ["name", "nope", "messageRetentionDuration", "labels.k"])
def test_a_mask_that_cannot_be_followed_is_refused(broker: Broker, path: str) -> None:
    name = broker.topic()
    with refused(StatusCode.INVALID_ARGUMENT, "Invalid update_mask provided in the UpdateTopicRequest"):
        broker.publisher.update_topic(topic={"name": name}, update_mask=mask(path))


def test_an_empty_mask_is_refused(broker: Broker) -> None:
    name = broker.topic()
    with refused(StatusCode.INVALID_ARGUMENT, "must contain a non-empty paths list"):
        broker.publisher.update_topic(topic={"name": name}, update_mask=mask())


def test_a_deleted_topic_leaves_its_subscriptions_and_their_messages(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publish(topic, b"before")
    broker.publisher.delete_topic(topic=topic)
    with refused(StatusCode.NOT_FOUND):
        broker.publisher.get_topic(topic=topic)
    assert broker.subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"
    assert [one.message.data for one in broker.pull(subscription)] == [b"before"]


def test_a_topic_made_again_is_another_topic(broker: Broker) -> None:
    topic, subscription = broker.pair()
    broker.publisher.delete_topic(topic=topic)
    broker.publisher.create_topic(name=topic)
    broker.publish(topic, b"after")
    assert broker.is_empty(subscription)
