"""Which names resources may have."""

from harness.case import SAME, Case
from harness.expected import Refused
from harness.kit import Kit
from harness.sources import NAMES, UNDOCUMENTED, reference

DELETED = "_deleted-topic_"


def _topic(id_: str, what: str, topic_id: str, documented: object, source: str = NAMES) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok("CreateTopic", name=kit.name("topics", topic_id))

    return Case(f"topic-{id_}", f"CreateTopic with an id {what}", run, documented, source)


def _whole(id_: str, name: str, google: object = SAME) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok("CreateTopic", name=name)

    return Case(f"topic-{id_}", f'CreateTopic named "{name}"', run, _refused("topics", name), NAMES, google=google)


def _refused(collection: str, fragment: str = "") -> Refused:
    return Refused("INVALID_ARGUMENT", f"[{collection}]", fragment)


def _subscription(id_: str, what: str, subscription_id: str, documented: object) -> Case:
    def run(kit: Kit) -> str:
        name = kit.name("subscriptions", subscription_id)
        return kit.ok("CreateSubscription", name=name, topic=kit.topic())

    return Case(f"subscription-{id_}", f"CreateSubscription with an id {what}", run, documented, NAMES)


def _snapshot(id_: str, what: str, snapshot_id: str, documented: object) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok("CreateSnapshot", name=kit.name("snapshots", snapshot_id), subscription=kit.subscription())

    return Case(f"snapshot-{id_}", f"CreateSnapshot with an id {what}", run, documented, NAMES)


def _schema(id_: str, what: str, schema_id: str, documented: object) -> Case:
    def run(kit: Kit) -> str:
        schema = {"type_": "AVRO", "definition": '{"type": "record", "name": "R", "fields": []}'}
        return kit.ok("CreateSchema", parent=f"projects/{kit.project}", schema_id=schema_id, schema=schema)

    return Case(f"schema-{id_}", f"CreateSchema with an id {what}", run, documented, NAMES)


def _without_name(kit: Kit) -> bool:
    """Whether the name that the service chose is one of the topic's project."""
    created = kit.call("CreateSubscription", topic=kit.topic())
    return created.name.startswith(f"projects/{kit.project}/subscriptions/")


def _topic_of_another_project(kit: Kit) -> str:
    topic = kit.call("CreateTopic", name=f"projects/{kit.project}-other/topics/abc").name
    return kit.ok("CreateSubscription", name=kit.name("subscriptions"), topic=topic)


def _domain_project(kit: Kit) -> str:
    return kit.ok("CreateTopic", name=f"projects/example.com:{kit.project}/topics/abc")


CASES = [
    _topic("2-characters", "of 2 characters", "ab", _refused("topics", "/topics/ab")),
    _topic("3-characters", "of 3 characters", "abc", "OK"),
    _topic("255-characters", "of 255 characters", "a" * 255, "OK"),
    _topic("256-characters", "of 256 characters", "a" * 256, _refused("topics")),
    _topic("digit", "that begins with a digit", "1abc", _refused("topics", "/topics/1abc")),
    _topic("dash", "that begins with a dash", "-abc", _refused("topics", "/topics/-abc")),
    _topic("goog", 'that begins with "goog"', "googabc", _refused("topics", "/topics/googabc")),
    _topic("capital-goog", 'that begins with "Goog"', "Googabc", "OK", UNDOCUMENTED),
    _topic("punctuation", "of every character allowed: aZ9-_.~+%", "aZ9-_.~+%", "OK"),
    _topic("space", "with a space", "bad name", _refused("topics", "/topics/bad name")),
    _topic("slash", "with a slash", "a/b", _refused("topics", "/topics/a/b")),
    _topic("unicode", "with a letter beyond ASCII", "abé", _refused("topics")),
    _topic("empty-id", "of no characters", "", _refused("topics")),
    _whole("empty", ""),
    _whole("no-prefix", "demo/topics/abc"),
    _whole("collection", "projects/p/subscriptions/abc"),
    _whole("no-project", "projects//topics/abc", google="OK"),
    _whole("deleted", DELETED),
    Case("topic-domain-project", "CreateTopic in a project of a domain", _domain_project, "OK", UNDOCUMENTED),
    _subscription("2-characters", "of 2 characters", "ab", _refused("subscriptions", "/subscriptions/ab")),
    _subscription("255-characters", "of 255 characters", "s" * 255, "OK"),
    _subscription("256-characters", "of 256 characters", "s" * 256, _refused("subscriptions")),
    _subscription("digit", "that begins with a digit", "1ab", _refused("subscriptions", "1ab")),
    _subscription("goog", 'that begins with "goog"', "googx", _refused("subscriptions", "googx")),
    Case(
        "subscription-without-name",
        "CreateSubscription without a name: is it given one in the topic's project?",
        _without_name,
        documented=True,
        source=reference("Subscriber.CreateSubscription"),
    ),
    Case(
        "subscription-other-project",
        "CreateSubscription to a topic of another project",
        _topic_of_another_project,
        "OK",
        reference("Subscription.topic"),
    ),
    _snapshot("2-characters", "of 2 characters", "ab", _refused("snapshots", "/snapshots/ab")),
    _snapshot("goog", 'that begins with "goog"', "googx", _refused("snapshots", "googx")),
    _schema("digit", "that begins with a digit", "1x", _refused("schemas", "1x")),
    _schema("255-characters", "of 255 characters", "s" * 255, "OK"),
]
