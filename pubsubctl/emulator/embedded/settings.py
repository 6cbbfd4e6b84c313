"""What topics and subscriptions may be set to: validation, defaults, and updates by field mask."""

from typing import Any

from pubsubctl.emulator.embedded import limits
from pubsubctl.emulator.embedded.acceptance import acceptance
from pubsubctl.emulator.embedded.names import check
from pubsubctl.emulator.embedded.push import check_push_config
from pubsubctl.emulator.embedded.status import invalid, unimplemented

ACTIVE = 1
RETENTION_DEFAULT_S = 604_800
EXPIRATION_DEFAULT_S = 2_678_400
BACKOFF_DEFAULT_S = (10, 600)

_TOPIC_FIXED = {"name", "state"}
_SNAPSHOT_FIXED = {"name", "topic"}
_SUBSCRIPTION_FIXED = {
    "name",
    "topic",
    "filter",
    "enable_message_ordering",
    "detached",
    "state",
    "topic_message_retention_duration",
    "analytics_hub_subscription_info",
}
_TOPIC_LATER = {"ingestion_data_source_settings", "message_transforms"}
_SUBSCRIPTION_LATER = {"bigquery_config", "bigtable_config", "cloud_storage_config", "message_transforms"}


def complete_topic(topic: Any) -> Any:
    """Check a topic's settings and fill in what the service would.

    Raises:
        Refusal: one of them cannot be.
    """
    check("topics", topic.name)
    _refuse_later(topic, _TOPIC_LATER)
    limits.check_labels(topic.labels)
    policy = topic.message_storage_policy
    if topic.HasField("message_storage_policy") and not policy.allowed_persistence_regions:
        raise invalid("No region is allowed (message_storage_policy.allowed_persistence_regions)")
    if topic.HasField("message_retention_duration"):
        limits.check_retention(topic.message_retention_duration)
    topic.state = ACTIVE
    return topic


def complete_subscription(subscription: Any) -> Any:
    """Check a subscription's settings and fill in what the service would.

    Raises:
        Refusal: one of them cannot be.
    """
    check("subscriptions", subscription.name)
    _refuse_later(subscription, _SUBSCRIPTION_LATER)
    limits.check_labels(subscription.labels)
    subscription.ack_deadline_seconds = limits.ack_deadline(subscription.ack_deadline_seconds)
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = RETENTION_DEFAULT_S
    limits.check_retention(subscription.message_retention_duration)
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = EXPIRATION_DEFAULT_S
    limits.check_expiration(subscription.expiration_policy)
    _complete_retry(subscription)
    if subscription.HasField("dead_letter_policy"):
        policy = subscription.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or limits.DELIVERY_ATTEMPTS[0]
        limits.check_delivery_attempts(policy.max_delivery_attempts)
    subscription.push_config.SetInParent()
    check_push_config(subscription.push_config)
    acceptance(subscription.filter)
    subscription.ClearField("topic_message_retention_duration")
    subscription.state = ACTIVE
    return subscription


def updated_topic(current: Any, request: Any) -> Any:
    """The topic's settings with what the mask of an UpdateTopicRequest names replaced.

    Raises:
        Refusal: the mask names what cannot be changed, or a value cannot be.
    """
    return complete_topic(_updated(current, request.topic, request.update_mask, "Topic", _TOPIC_FIXED))


def updated_subscription(current: Any, request: Any) -> Any:
    """The subscription's settings with what the mask of an UpdateSubscriptionRequest names replaced.

    Raises:
        Refusal: the mask names what cannot be changed, or a value cannot be.
    """
    new = _updated(current, request.subscription, request.update_mask, "Subscription", _SUBSCRIPTION_FIXED)
    return complete_subscription(new)


def with_push(current: Any, push_config: Any) -> Any:
    """The subscription's settings with another push config; an empty one means that messages are pulled.

    Raises:
        Refusal: its endpoint cannot be.
    """
    new = type(current).FromString(current.SerializeToString())
    new.push_config.CopyFrom(push_config)
    return complete_subscription(new)


def updated_snapshot(current: Any, request: Any, now_s: int) -> Any:
    """The snapshot's settings with what the mask of an UpdateSnapshotRequest names replaced.

    Raises:
        Refusal: the mask names what cannot be changed, or a value cannot be.
    """
    new = _updated(current, request.snapshot, request.update_mask, "Snapshot", _SNAPSHOT_FIXED)
    limits.check_labels(new.labels)
    limits.check_expire_time(new.expire_time.seconds, now_s)
    return new


def check_mask(mask: Any, kind: str) -> None:
    """Refuse an update that names no field.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    if not mask.paths:
        raise invalid(
            f"The update_mask in the Update{kind}Request must be set, and must contain a non-empty paths list."
        )


def _updated(current: Any, wanted: Any, mask: Any, kind: str, fixed: set[str]) -> Any:
    prefix = f"Invalid update_mask provided in the Update{kind}Request:"
    for path in mask.paths:
        if not _is_field(current.DESCRIPTOR, path):
            raise invalid(f"{prefix} {path} is not a known {kind} field. Note that field paths are in snake_case.")
        if path.split(".")[0] in fixed and not (path == "filter" and wanted.filter == current.filter):
            raise invalid(f"{prefix} the {path} field in the {kind} is not mutable.")
    new = type(current).FromString(current.SerializeToString())
    for path in mask.paths:
        _replace(new, wanted, path.split("."))
    return new


def _is_field(descriptor: Any, path: str) -> bool:
    name, _, rest = path.partition(".")
    field = descriptor.fields_by_name.get(name)
    if field is None:
        return False
    if not rest:
        return True
    return field.message_type is not None and not field.is_repeated and _is_field(field.message_type, rest)


def _replace(target: Any, source: Any, path: list[str]) -> None:
    """Set one field of ``target`` to what it is in ``source``, absence included."""
    for name in path[:-1]:
        target, source = getattr(target, name), getattr(source, name)
        target.SetInParent()
    name = path[-1]
    field = target.DESCRIPTOR.fields_by_name[name]
    target.ClearField(name)
    if field.is_repeated or field.message_type is not None:
        if field.is_repeated or source.HasField(name):
            getattr(target, name).MergeFrom(getattr(source, name))
            _keep_presence(target, field)
    else:
        setattr(target, name, getattr(source, name))


def _keep_presence(target: Any, field: Any) -> None:
    """A message field that was set is set, however empty it is."""
    if not field.is_repeated:
        getattr(target, field.name).SetInParent()


def _complete_retry(subscription: Any) -> None:
    """The default back-offs, for a retry policy that does not name them."""
    if not subscription.HasField("retry_policy"):
        return
    policy = subscription.retry_policy
    for name, default in zip(("minimum_backoff", "maximum_backoff"), BACKOFF_DEFAULT_S, strict=True):
        if not policy.HasField(name):
            getattr(policy, name).seconds = default
    limits.check_retry(policy)


def _refuse_later(settings: Any, paths: set[str]) -> None:
    """Refuse settings that this emulator does not act on: delivering as if they were not there would be wrong."""
    for path in sorted(paths):
        owner = settings
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        if _is_set(owner, name):
            raise unimplemented(
                f"{path} is not implemented by the embedded emulator; leave it out or use another broker"
            )


def _is_set(message: Any, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name[name]
    return message.HasField(name) if field.has_presence else bool(getattr(message, name))
