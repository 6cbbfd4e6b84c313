"""CreateSubscription: defaults, bounds, and what is kept."""

from typing import Any

from google.pubsub_v1.types import Subscription
from harness.case import SAME, Case
from harness.expected import OneOf, Refused
from harness.kit import Kit, seconds
from harness.sources import UNDOCUMENTED, reference

DAY_S = 86_400
INVALID = Refused("INVALID_ARGUMENT")


def field(name: str) -> str:
    """The reference of a subscription's field."""
    return reference(f"Subscription.{name}")


def _default(id_: str, documented: object, read: Any, google: object = SAME) -> Case:
    def run(kit: Kit) -> Any:
        return read(kit.get(kit.subscription()))

    return Case(
        f"default-{id_}",
        f"The {id_.replace('-', ' ')} of a new subscription",
        run,
        documented,
        field(id_),
        google=google,
    )


def _ack_deadline(number: int, documented: object, google: object = SAME) -> Case:
    def run(kit: Kit) -> int:
        return kit.get(kit.subscription(ack_deadline_seconds=number)).ack_deadline_seconds

    what = f"CreateSubscription with an ack deadline of {number} s"
    return Case(f"ack-deadline-{number}", what, run, documented, field("ack_deadline_seconds"), google=google)


def _retention(number: int, documented: object, google: object = SAME) -> Case:
    def run(kit: Kit) -> float:
        name = kit.subscription(message_retention_duration=seconds(number))
        return kit.get(name).message_retention_duration.total_seconds()

    what = f"CreateSubscription with a retention of {number} s"
    return Case(f"retention-{number}", what, run, documented, field("message_retention_duration"), google=google)


def _expiration(number: int, documented: object, google: object = SAME) -> Case:
    def run(kit: Kit) -> float:
        name = kit.subscription(expiration_policy={"ttl": seconds(number)})
        return kit.get(name).expiration_policy.ttl.total_seconds()

    what = f"CreateSubscription that expires after {number} s"
    return Case(f"expiration-{number}", what, run, documented, reference("ExpirationPolicy.ttl"), google=google)


def _dead_letter(attempts: int, documented: object) -> Case:
    def run(kit: Kit) -> int:
        policy = {"dead_letter_topic": kit.topic(), "max_delivery_attempts": attempts}
        return kit.get(kit.subscription(dead_letter_policy=policy)).dead_letter_policy.max_delivery_attempts

    source = reference("DeadLetterPolicy.max_delivery_attempts")
    return Case(
        f"dead-letter-attempts-{attempts}",
        f"CreateSubscription with max_delivery_attempts {attempts}",
        run,
        documented,
        source,
    )


def _dead_letter_topic(id_: str, what: str, name: str, documented: object) -> Case:
    def run(kit: Kit) -> str:
        kit.subscription(dead_letter_policy={"dead_letter_topic": name.format(project=kit.project)})
        return "OK"

    source = reference("DeadLetterPolicy.dead_letter_topic")
    return Case(f"dead-letter-{id_}", f"CreateSubscription with a dead-letter topic {what}", run, documented, source)


def _backoff(id_: str, policy: dict[str, float], documented: object) -> Case:
    def run(kit: Kit) -> Any:
        durations = {f"{name}_backoff": seconds(number) for name, number in policy.items()}
        got = kit.get(kit.subscription(retry_policy=durations)).retry_policy
        return got.minimum_backoff.total_seconds(), got.maximum_backoff.total_seconds()

    asked = ", ".join(f"{name} {number:g} s" for name, number in policy.items()) or "nothing set"
    what = f"CreateSubscription with a retry policy: {asked}"
    return Case(f"retry-policy-{id_}", what, run, documented, reference("RetryPolicy"))


def _kept(id_: str, value: Any) -> Case:
    def run(kit: Kit) -> Any:
        got = getattr(kit.get(kit.subscription(**{id_: value})), id_)
        return dict(got) if isinstance(value, dict) else got

    return Case(f"kept-{id_}", f"CreateSubscription with {id_} {value!r}", run, value, field(id_))


def _bad_topic(kit: Kit) -> str:
    return kit.ok("CreateSubscription", name=kit.name("subscriptions"), topic="nonsense")


def _two_destinations(kit: Kit) -> str:
    push, table = {"push_endpoint": "https://127.0.0.1:1/x"}, {"table": "p.d.t"}
    kit.subscription(push_config=push, bigquery_config=table)
    return "OK"


def _duplicate(kit: Kit) -> str:
    topic, name = kit.pair()
    return kit.ok("CreateSubscription", name=name, topic=topic)


def _missing_topic(kit: Kit) -> str:
    return kit.ok("CreateSubscription", name=kit.name("subscriptions"), topic=kit.name("topics", "missing"))


def _never_expires(kit: Kit) -> bool:
    return "ttl" in kit.get(kit.subscription(expiration_policy={})).expiration_policy


def _missing(rpc: str) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok(rpc, subscription=kit.name("subscriptions"))

    what = f"{rpc} of a subscription that does not exist"
    return Case(f"missing-{rpc}", what, run, Refused("NOT_FOUND"), reference(f"Subscriber.{rpc}"))


def _made_again(kit: Kit) -> list[str]:
    topic, name = kit.pair()
    kit.publish(topic, "before")
    kit.call("DeleteSubscription", subscription=name)
    kit.call("CreateSubscription", name=name, topic=topic)
    return kit.backlog(name)


def _pull_after_delete(kit: Kit) -> str:
    name = kit.subscription()
    kit.call("DeleteSubscription", subscription=name)
    return kit.ok("Pull", subscription=name, max_messages=1)


def _topic_retention(kit: Kit) -> float:
    name = kit.subscription(kit.topic(message_retention_duration=seconds(3600)))
    return kit.get(name).topic_message_retention_duration.total_seconds()


def _topic_retention_asked(kit: Kit) -> float:
    return kit.get(
        kit.subscription(topic_message_retention_duration=seconds(600))
    ).topic_message_retention_duration.total_seconds()


TOPIC_RETENTION = field("topic_message_retention_duration")

CASES = [
    _default("ack_deadline_seconds", 10, lambda got: got.ack_deadline_seconds),
    _default("message_retention_duration", 604_800.0, lambda got: got.message_retention_duration.total_seconds()),
    _default("expiration_policy", 31.0 * DAY_S, lambda got: got.expiration_policy.ttl.total_seconds(), google=0.0),
    _default("push_config", "", lambda got: got.push_config.push_endpoint),
    _default("retain_acked_messages", False, lambda got: got.retain_acked_messages),
    _default("enable_message_ordering", False, lambda got: got.enable_message_ordering),
    _default("enable_exactly_once_delivery", False, lambda got: got.enable_exactly_once_delivery),
    _default("dead_letter_policy", False, lambda got: "dead_letter_policy" in got),
    _default("retry_policy", False, lambda got: "retry_policy" in got),
    _default("state", "ACTIVE", lambda got: Subscription.State(got.state).name, google="STATE_UNSPECIFIED"),
    _ack_deadline(-1, INVALID),
    _ack_deadline(0, 10),
    _ack_deadline(9, INVALID, google=9),
    _ack_deadline(600, 600),
    _ack_deadline(601, INVALID),
    _retention(599, Refused("INVALID_ARGUMENT", "message_retention_duration")),
    _retention(600, 600.0),
    _retention(31 * DAY_S, 31.0 * DAY_S, google=Refused("INVALID_ARGUMENT", "message_retention_duration")),
    _retention(31 * DAY_S + 1, Refused("INVALID_ARGUMENT", "message_retention_duration")),
    _expiration(DAY_S - 1, Refused("INVALID_ARGUMENT", "ttl"), google=DAY_S - 1.0),
    _expiration(DAY_S, float(DAY_S)),
    _expiration(365 * DAY_S, 365.0 * DAY_S),
    Case(
        "expiration-never",
        "CreateSubscription with an expiration policy without ttl: has it one then?",
        _never_expires,
        documented=False,
        source=field("expiration_policy"),
    ),
    _dead_letter(0, 5),
    _dead_letter(4, Refused("OUT_OF_RANGE", "max_delivery_attempts")),
    _dead_letter(100, 100),
    _dead_letter(101, Refused("OUT_OF_RANGE", "max_delivery_attempts")),
    _dead_letter_topic("missing", "that does not exist", "projects/{project}/topics/none", Refused("NOT_FOUND")),
    _dead_letter_topic("bad-name", "named nonsense", "nonsense", Refused("NOT_FOUND")),
    _backoff("defaults", {}, (10.0, 600.0)),
    _backoff("kept", {"minimum": 5, "maximum": 60.5}, (5.0, 60.5)),
    _backoff("zero", {"minimum": 0, "maximum": 0}, (0.0, 0.0)),
    _backoff("over", {"minimum": 5, "maximum": 601}, Refused("INVALID_ARGUMENT", "maximum_backoff")),
    _backoff("negative", {"minimum": -1, "maximum": 10}, Refused("INVALID_ARGUMENT", "minimum_backoff")),
    _backoff("order", {"minimum": 60, "maximum": 5}, Refused("INVALID_ARGUMENT", "maximum_backoff")),
    _kept("labels", {"k": "v"}),
    _kept("retain_acked_messages", True),
    _kept("enable_message_ordering", True),
    _kept("enable_exactly_once_delivery", True),
    _kept("filter", 'attributes.a = "b"'),
    Case(
        "duplicate",
        "CreateSubscription with a name that is taken",
        _duplicate,
        Refused("ALREADY_EXISTS"),
        reference("Subscriber.CreateSubscription"),
    ),
    Case(
        "missing-topic",
        "CreateSubscription to a topic that does not exist",
        _missing_topic,
        Refused("NOT_FOUND"),
        reference("Subscriber.CreateSubscription"),
    ),
    Case(
        "bad-topic",
        "CreateSubscription to a topic named nonsense",
        _bad_topic,
        Refused("INVALID_ARGUMENT", "nonsense"),
        UNDOCUMENTED,
    ),
    Case(
        "two-destinations",
        "CreateSubscription with a push endpoint and a BigQuery table",
        _two_destinations,
        OneOf(INVALID, Refused("UNIMPLEMENTED", "bigquery_config")),
        reference("Subscription"),
        google="OK",
    ),
    _missing("GetSubscription"),
    _missing("DeleteSubscription"),
    Case(
        "made-again",
        "What a subscription has that was made again under the name of a deleted one",
        _made_again,
        [],
        reference("Subscriber.DeleteSubscription"),
    ),
    Case(
        "pull-after-delete",
        "Pull from a deleted subscription",
        _pull_after_delete,
        Refused("NOT_FOUND"),
        reference("Subscriber.DeleteSubscription"),
    ),
    Case(
        "topic-retention",
        "The topic's retention, as its subscription tells it",
        _topic_retention,
        3600.0,
        TOPIC_RETENTION,
        google=0.0,
    ),
    Case(
        "topic-retention-asked",
        "CreateSubscription with a topic_message_retention_duration, which only the service sets",
        _topic_retention_asked,
        0.0,
        TOPIC_RETENTION,
        google=600.0,
    ),
]
