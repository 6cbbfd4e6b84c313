"""Topics: what they are created with, and what becomes of deleted ones."""

from typing import Any

from google.pubsub_v1.types import Topic
from harness.case import SAME, Case
from harness.expected import Refused
from harness.kit import Kit, seconds
from harness.sources import LABELS, UNDOCUMENTED, reference

DAY_S = 86_400
OUT_OF_BOUNDS = Refused("INVALID_ARGUMENT", "message_retention_duration")
MISSING = Refused("NOT_FOUND", "Topic not found")
DELETE = reference("Publisher.DeleteTopic")


def _retention(number: int, documented: object) -> Case:
    def run(kit: Kit) -> float:
        topic = kit.call("CreateTopic", name=kit.name("topics"), message_retention_duration=seconds(number))
        return topic.message_retention_duration.total_seconds()

    source = reference("Topic.message_retention_duration")
    return Case(f"retention-{number}s", f"CreateTopic with a retention of {number} s", run, documented, source)


def _kept(id_: str, what: str, field: str, value: Any, source: str) -> Case:
    def run(kit: Kit) -> Any:
        topic = kit.topic(**{field: value})
        got = getattr(kit.call("GetTopic", topic=topic), field)
        return got if isinstance(got, str) else dict(got)

    return Case(id_, f"GetTopic of one created with {what}", run, value, source)


def _missing(id_: str, rpc: str, google: object = SAME, **fields: Any) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok(rpc, topic=kit.name("topics", "missing"), **fields)

    source = reference(f"Publisher.{rpc}")
    return Case(f"missing-{id_}", f"{rpc} of a topic that does not exist", run, MISSING, source, google=google)


def _duplicate(kit: Kit) -> str:
    return kit.ok("CreateTopic", name=kit.topic())


def _state(kit: Kit) -> str:
    return Topic.State(kit.call("GetTopic", topic=kit.topic()).state).name


def _no_retention(kit: Kit) -> bool:
    return "message_retention_duration" in kit.call("GetTopic", topic=kit.topic())


def _regions(kit: Kit) -> list[str]:
    policy = {"allowed_persistence_regions": ["europe-west1"]}
    topic = kit.topic(message_storage_policy=policy)
    return list(kit.call("GetTopic", topic=topic).message_storage_policy.allowed_persistence_regions)


def _no_regions(kit: Kit) -> str:
    return kit.ok("CreateTopic", name=kit.name("topics"), message_storage_policy={"enforce_in_transit": True})


def _deleted(kit: Kit) -> str:
    topic = kit.topic()
    kit.call("DeleteTopic", topic=topic)
    return kit.ok("GetTopic", topic=topic)


def _topic_of_orphan(kit: Kit) -> str:
    topic, subscription = kit.pair()
    kit.call("DeleteTopic", topic=topic)
    return kit.get(subscription).topic


def _backlog_of_orphan(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, "before")
    kit.call("DeleteTopic", topic=topic)
    return kit.backlog(subscription)


def _made_again(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.call("DeleteTopic", topic=topic)
    kit.call("CreateTopic", name=topic)
    kit.publish(topic, "after")
    return kit.backlog(subscription)


def _configuration_made_again(kit: Kit) -> dict[str, str]:
    topic = kit.topic(labels={"a": "b"})
    kit.call("DeleteTopic", topic=topic)
    kit.call("CreateTopic", name=topic)
    return dict(kit.call("GetTopic", topic=topic).labels)


CASES = [
    Case("duplicate", "CreateTopic with a name that is taken", _duplicate, Refused("ALREADY_EXISTS"), UNDOCUMENTED),
    _retention(599, OUT_OF_BOUNDS),
    _retention(600, 600.0),
    _retention(31 * DAY_S, 31.0 * DAY_S),
    _retention(31 * DAY_S + 1, OUT_OF_BOUNDS),
    Case(
        "retention-unset",
        "Has a topic created without a retention one?",
        _no_retention,
        documented=False,
        source=reference("Topic.message_retention_duration"),
    ),
    _kept("labels", "labels", "labels", {"k": "v"}, reference("Topic.labels")),
    _kept("kms", "a Cloud KMS key", "kms_key_name", "k", reference("Topic.kms_key_name")),
    Case(
        "regions",
        "GetTopic of one created with a message storage policy",
        _regions,
        ["europe-west1"],
        reference("Topic.message_storage_policy"),
    ),
    Case(
        "state",
        "GetTopic: the state of a new topic",
        _state,
        "ACTIVE",
        reference("Topic.state"),
        google="STATE_UNSPECIFIED",
    ),
    _missing("get", "GetTopic"),
    _missing("delete", "DeleteTopic"),
    _missing("publish", "Publish", messages=[{"data": b"x"}]),
    _missing("subscriptions", "ListTopicSubscriptions", google="OK"),
    _missing("snapshots", "ListTopicSnapshots", google="OK"),
    Case("deleted", "GetTopic after DeleteTopic", _deleted, MISSING, DELETE),
    Case(
        "orphan-topic",
        "The topic that a subscription names when its topic was deleted",
        _topic_of_orphan,
        "_deleted-topic_",
        reference("Subscription.topic"),
    ),
    Case(
        "orphan-backlog",
        "Pull from a subscription with a backlog when its topic was deleted",
        _backlog_of_orphan,
        ["before"],
        DELETE,
    ),
    Case(
        "made-again-subscriptions",
        "What a subscription gets that is published to a new topic of the same name",
        _made_again,
        [],
        DELETE,
    ),
    Case(
        "made-again-configuration",
        "The labels of a topic made again under the name of a deleted one that had some",
        _configuration_made_again,
        {},
        DELETE,
    ),
    Case(
        "no-regions",
        "CreateTopic with a message storage policy that allows no region",
        _no_regions,
        Refused("INVALID_ARGUMENT", "allowed_persistence_regions"),
        reference("MessageStoragePolicy.allowed_persistence_regions"),
        google="OK",
    ),
    Case(
        "label-limit",
        "CreateTopic with 65 labels",
        lambda kit: kit.ok("CreateTopic", name=kit.name("topics"), labels={f"k{n}": "v" for n in range(65)}),
        Refused("INVALID_ARGUMENT", "label"),
        LABELS,
        google="OK",
    ),
    Case(
        "label-capitals",
        "CreateTopic with a label whose key has a capital letter",
        lambda kit: kit.ok("CreateTopic", name=kit.name("topics"), labels={"Key": "v"}),
        Refused("INVALID_ARGUMENT", "label"),
        LABELS,
        google="OK",
    ),
]
