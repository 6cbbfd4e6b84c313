"""UpdateSubscription: what its mask may name, and what it changes."""

from typing import Any

from harness.case import SAME, Case
from harness.expected import Refused
from harness.kit import Kit, mask, seconds
from harness.sources import FIELD_MASKS, FILTERS, ORDERING, UNDOCUMENTED, reference

UPDATE = reference("UpdateSubscriptionRequest.update_mask")
UNKNOWN_FIELD = Refused("INVALID_ARGUMENT", "is not a known Subscription field")
UNSUPPORTED = Refused("INVALID_ARGUMENT", "currently unsupported in the Pub/Sub Emulator")
IMMUTABLE = reference("Subscriber.UpdateSubscription")


def update(kit: Kit, subscription: str, *paths: str, **fields: Any) -> Any:
    """UpdateSubscription with this mask and these fields."""
    named = {"name": subscription, **fields}
    return kit.call("UpdateSubscription", subscription=named, update_mask=mask(*paths))


def _plain(value: Any) -> Any:
    """A value of a response that can be compared."""
    return value.total_seconds() if hasattr(value, "total_seconds") else value


def _changed(path: str, value: Any, documented: object, google: object = SAME) -> Case:
    """UpdateSubscription of one field, read back with another call."""

    def run(kit: Kit) -> Any:
        name = kit.subscription()
        update(kit, name, path, **{path: value})
        got = getattr(kit.get(name), path)
        return dict(got) if isinstance(value, dict) else _plain(got)

    what = f"UpdateSubscription of {path}"
    return Case(f"changed-{path}", what, run, documented, reference(f"Subscription.{path}"), google=google)


def _refused(id_: str, path: str, why: str, source: str = UPDATE, fragment: str = "", **fields: Any) -> Case:
    def run(kit: Kit) -> str:
        update(kit, kit.subscription(), path, **fields)
        return "OK"

    documented = Refused("INVALID_ARGUMENT", fragment or path)
    return Case(f"refused-{id_}", f"UpdateSubscription of {path}, {why}", run, documented, source)


def _expiration(kit: Kit) -> float:
    name = kit.subscription()
    update(kit, name, "expiration_policy", expiration_policy={"ttl": seconds(86_400)})
    return kit.get(name).expiration_policy.ttl.total_seconds()


def _expiration_never(kit: Kit) -> bool:
    name = kit.subscription()
    update(kit, name, "expiration_policy", expiration_policy={})
    return "ttl" in kit.get(name).expiration_policy


def _expiration_part(kit: Kit) -> float:
    name = kit.subscription()
    update(kit, name, "expiration_policy.ttl", expiration_policy={"ttl": seconds(172_800)})
    return kit.get(name).expiration_policy.ttl.total_seconds()


def _dead_letter(kit: Kit) -> int:
    dead, name = kit.topic(), kit.subscription()
    update(kit, name, "dead_letter_policy", dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 7})
    return kit.get(name).dead_letter_policy.max_delivery_attempts


def _dead_letter_part(kit: Kit) -> Any:
    dead = kit.topic()
    name = kit.subscription(dead_letter_policy={"dead_letter_topic": dead})
    update(kit, name, "dead_letter_policy.max_delivery_attempts", dead_letter_policy={"max_delivery_attempts": 9})
    got = kit.get(name).dead_letter_policy
    return got.dead_letter_topic == dead, got.max_delivery_attempts


def _dead_letter_removed(kit: Kit) -> bool:
    name = kit.subscription(dead_letter_policy={"dead_letter_topic": kit.topic()})
    update(kit, name, "dead_letter_policy")
    return "dead_letter_policy" in kit.get(name)


def _dead_letter_missing(kit: Kit) -> str:
    policy = {"dead_letter_topic": kit.name("topics", "missing")}
    update(kit, kit.subscription(), "dead_letter_policy", dead_letter_policy=policy)
    return "OK"


def _retry(kit: Kit) -> Any:
    name = kit.subscription()
    policy = {"minimum_backoff": seconds(1), "maximum_backoff": seconds(2)}
    update(kit, name, "retry_policy", retry_policy=policy)
    got = kit.get(name).retry_policy
    return got.minimum_backoff.total_seconds(), got.maximum_backoff.total_seconds()


def _retry_removed(kit: Kit) -> bool:
    name = kit.subscription(retry_policy={})
    update(kit, name, "retry_policy")
    return "retry_policy" in kit.get(name)


def _push(kit: Kit) -> str:
    name = kit.subscription()
    update(kit, name, "push_config", push_config={"push_endpoint": "http://127.0.0.1:1/x"})
    return kit.get(name).push_config.push_endpoint


def _push_part(kit: Kit) -> str:
    name = kit.subscription()
    update(kit, name, "push_config.push_endpoint", push_config={"push_endpoint": "http://127.0.0.1:1/x"})
    return kit.get(name).push_config.push_endpoint


def _unnamed(kit: Kit) -> Any:
    name = kit.subscription(ack_deadline_seconds=20)
    update(kit, name, "message_retention_duration", ack_deadline_seconds=60, message_retention_duration=seconds(600))
    return kit.get(name).ack_deadline_seconds


def _default(kit: Kit) -> int:
    name = kit.subscription(ack_deadline_seconds=20)
    update(kit, name, "ack_deadline_seconds")
    return kit.get(name).ack_deadline_seconds


def _all_or_nothing(kit: Kit) -> int:
    name = kit.subscription()
    request = {"subscription": {"name": name, "ack_deadline_seconds": 30}}
    kit.refusal("UpdateSubscription", **request, update_mask=mask("ack_deadline_seconds", "topic"))
    return kit.get(name).ack_deadline_seconds


def _many(kit: Kit) -> Any:
    """What kombu, the message library under Celery, sends."""
    name = kit.subscription()
    paths = (
        "ack_deadline_seconds",
        "expiration_policy.ttl",
        "message_retention_duration",
        "enable_exactly_once_delivery",
    )
    fields = {
        "ack_deadline_seconds": 240,
        "expiration_policy": {"ttl": seconds(86_400)},
        "message_retention_duration": seconds(86_400),
        "enable_exactly_once_delivery": True,
    }
    update(kit, name, *paths, **fields)
    got = kit.get(name)
    return got.ack_deadline_seconds, got.expiration_policy.ttl.total_seconds(), got.enable_exactly_once_delivery


def _empty_mask(kit: Kit) -> str:
    return kit.ok("UpdateSubscription", subscription={"name": kit.subscription()}, update_mask=mask())


def _missing(kit: Kit) -> str:
    subscription = {"name": kit.name("subscriptions"), "ack_deadline_seconds": 30}
    return kit.ok("UpdateSubscription", subscription=subscription, update_mask=mask("ack_deadline_seconds"))


CASES = [
    _changed("ack_deadline_seconds", 30, 30),
    _changed("message_retention_duration", seconds(3600), 3600.0),
    _changed("retain_acked_messages", True, True),
    _changed("enable_exactly_once_delivery", True, True),
    _changed("labels", {"a": "b"}, {"a": "b"}, google=UNKNOWN_FIELD),
    Case("expiration", "UpdateSubscription of expiration_policy", _expiration, 86_400.0, UPDATE, google=UNSUPPORTED),
    Case(
        "expiration-never",
        "UpdateSubscription of expiration_policy to one without ttl: has it one then?",
        _expiration_never,
        documented=False,
        source=reference("Subscription.expiration_policy"),
        google=UNSUPPORTED,
    ),
    Case(
        "expiration-part",
        "UpdateSubscription of expiration_policy.ttl",
        _expiration_part,
        172_800.0,
        FIELD_MASKS,
        google=UNKNOWN_FIELD,
    ),
    Case("dead-letter", "UpdateSubscription of dead_letter_policy", _dead_letter, 7, UPDATE),
    Case(
        "dead-letter-part",
        "UpdateSubscription of dead_letter_policy.max_delivery_attempts: is the topic kept, and what is the number?",
        _dead_letter_part,
        (True, 9),
        FIELD_MASKS,
        google=UNKNOWN_FIELD,
    ),
    Case(
        "dead-letter-removed",
        "UpdateSubscription of dead_letter_policy to none: has it one then?",
        _dead_letter_removed,
        documented=False,
        source=reference("Subscription.dead_letter_policy"),
    ),
    Case(
        "dead-letter-missing",
        "UpdateSubscription of dead_letter_policy to a topic that does not exist",
        _dead_letter_missing,
        Refused("NOT_FOUND"),
        reference("DeadLetterPolicy.dead_letter_topic"),
    ),
    Case("retry", "UpdateSubscription of retry_policy", _retry, (1.0, 2.0), UPDATE),
    Case(
        "retry-removed",
        "UpdateSubscription of retry_policy to none: has it one then?",
        _retry_removed,
        documented=False,
        source=reference("Subscription.retry_policy"),
    ),
    Case("push", "UpdateSubscription of push_config", _push, "http://127.0.0.1:1/x", UPDATE),
    Case(
        "push-part",
        "UpdateSubscription of push_config.push_endpoint",
        _push_part,
        "http://127.0.0.1:1/x",
        FIELD_MASKS,
        google=UNKNOWN_FIELD,
    ),
    Case("unnamed-fields", "UpdateSubscription: a field that the mask does not name", _unnamed, 20, UPDATE),
    Case(
        "default",
        "UpdateSubscription of ack_deadline_seconds to 0",
        _default,
        10,
        reference("Subscription.ack_deadline_seconds"),
    ),
    Case(
        "all-or-nothing",
        "UpdateSubscription of ack_deadline_seconds and of topic: the ack deadline then",
        _all_or_nothing,
        10,
        UPDATE,
    ),
    Case(
        "many",
        "UpdateSubscription of four fields, one of them in part",
        _many,
        (240, 86_400.0, True),
        FIELD_MASKS,
        google=UNKNOWN_FIELD,
    ),
    Case(
        "empty-mask",
        "UpdateSubscription with an empty mask",
        _empty_mask,
        Refused("INVALID_ARGUMENT", "update_mask"),
        UPDATE,
    ),
    Case("missing", "UpdateSubscription of one that does not exist", _missing, Refused("NOT_FOUND"), UNDOCUMENTED),
    _refused("topic", "topic", "which cannot be changed", IMMUTABLE),
    _refused("name", "name", "which cannot be changed", IMMUTABLE),
    _refused("filter", "filter", "which cannot be changed", FILTERS, filter="attributes:a"),
    _refused("ordering", "enable_message_ordering", "which cannot be changed", ORDERING, enable_message_ordering=True),
    _refused("detached", "detached", "which only DetachSubscription sets", UNDOCUMENTED, detached=True),
    _refused("unknown", "nope", "which is no field of a subscription"),
    _refused("camel-case", "ackDeadlineSeconds", "which is not how gRPC names it", UNDOCUMENTED),
    _refused(
        "bounds",
        "ack_deadline_seconds",
        "to 601 s",
        reference("Subscription.ack_deadline_seconds"),
        fragment="ack_deadline",
        ack_deadline_seconds=601,
    ),
]
