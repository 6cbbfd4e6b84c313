"""UpdateTopic: what its mask may name, and what it changes."""

from typing import Any

from harness.case import Case
from harness.expected import Refused
from harness.kit import Kit, mask, seconds
from harness.sources import FIELD_MASKS, UNDOCUMENTED, reference

UPDATE = reference("UpdateTopicRequest.update_mask")
UNKNOWN_FIELD = Refused("INVALID_ARGUMENT", "is not a known Topic field")
IMMUTABLE = reference("Publisher.UpdateTopic")


def update(kit: Kit, topic: str, *paths: str, **fields: Any) -> Any:
    """UpdateTopic with this mask and these fields."""
    return kit.call("UpdateTopic", topic={"name": topic, **fields}, update_mask=mask(*paths))


def _refused(id_: str, path: str, why: str, source: str = UPDATE) -> Case:
    def run(kit: Kit) -> str:
        update(kit, kit.topic(), path)
        return "OK"

    documented = Refused("INVALID_ARGUMENT", "update_mask", path)
    return Case(f"refused-{id_}", f"UpdateTopic of {path}, {why}", run, documented, source)


def _changed(id_: str, path: str, value: Any) -> Case:
    def run(kit: Kit) -> Any:
        updated = getattr(update(kit, kit.topic(), path, **{path: value}), path)
        return updated if isinstance(updated, str) else dict(updated)

    return Case(id_, f"UpdateTopic of {path}", run, value, reference(f"Topic.{path}"), google=UNKNOWN_FIELD)


def _retention(kit: Kit) -> float:
    topic = kit.topic()
    update(kit, topic, "message_retention_duration", message_retention_duration=seconds(3600))
    return kit.call("GetTopic", topic=topic).message_retention_duration.total_seconds()


def _retention_removed(kit: Kit) -> bool:
    topic = kit.topic(message_retention_duration=seconds(3600))
    update(kit, topic, "message_retention_duration")
    return "message_retention_duration" in kit.call("GetTopic", topic=topic)


def _retention_refused(kit: Kit) -> float:
    topic = kit.topic()
    return update(kit, topic, "message_retention_duration", message_retention_duration=seconds(60))


def _unnamed(kit: Kit) -> dict[str, str]:
    topic = kit.topic(labels={"a": "1"})
    update(kit, topic, "message_retention_duration", labels={"b": "2"}, message_retention_duration=seconds(600))
    return dict(kit.call("GetTopic", topic=topic).labels)


def _all_or_nothing(kit: Kit) -> bool:
    topic = kit.topic()
    request = {"topic": {"name": topic, "message_retention_duration": seconds(600)}}
    paths = mask("message_retention_duration", "nope")
    refused = kit.refusal("UpdateTopic", **request, update_mask=paths) is not None
    return refused and "message_retention_duration" in kit.call("GetTopic", topic=topic)


def _regions(kit: Kit) -> list[str]:
    policy = {"allowed_persistence_regions": ["europe-west1"]}
    updated = update(kit, kit.topic(), "message_storage_policy", message_storage_policy=policy)
    return list(updated.message_storage_policy.allowed_persistence_regions)


def _empty_mask(kit: Kit) -> str:
    return kit.ok("UpdateTopic", topic={"name": kit.topic(), "labels": {"a": "b"}}, update_mask=mask())


def _missing(kit: Kit) -> str:
    topic = {"name": kit.name("topics"), "message_retention_duration": seconds(600)}
    return kit.ok("UpdateTopic", topic=topic, update_mask=mask("message_retention_duration"))


CASES = [
    Case("retention", "UpdateTopic of message_retention_duration", _retention, 3600.0, UPDATE),
    Case(
        "retention-removed",
        "UpdateTopic of message_retention_duration to none: does the topic still have one?",
        _retention_removed,
        documented=False,
        source=reference("Topic.message_retention_duration"),
        google=True,
    ),
    Case(
        "retention-bounds",
        "UpdateTopic of message_retention_duration to 60 s",
        _retention_refused,
        Refused("INVALID_ARGUMENT", "message_retention_duration"),
        reference("Topic.message_retention_duration"),
    ),
    _changed("labels", "labels", {"a": "b"}),
    _changed("kms", "kms_key_name", "k"),
    Case(
        "regions",
        "UpdateTopic of message_storage_policy",
        _regions,
        ["europe-west1"],
        UPDATE,
        google=UNKNOWN_FIELD,
    ),
    Case("unnamed-fields", "UpdateTopic: fields that the mask does not name", _unnamed, {"a": "1"}, UPDATE),
    Case(
        "all-or-nothing",
        "UpdateTopic of a field and one that is unknown: is anything changed?",
        _all_or_nothing,
        documented=False,
        source=UPDATE,
    ),
    Case(
        "empty-mask",
        "UpdateTopic with an empty mask",
        _empty_mask,
        Refused("INVALID_ARGUMENT", "update_mask"),
        UPDATE,
    ),
    Case("missing", "UpdateTopic of a topic that does not exist", _missing, Refused("NOT_FOUND"), UNDOCUMENTED),
    _refused("name", "name", "which cannot be changed", IMMUTABLE),
    _refused("unknown", "nope", "which is no field of a topic"),
    _refused("camel-case", "messageRetentionDuration", "which is not how gRPC names it"),
    _refused("map-key", "labels.k", "one key of a map", FIELD_MASKS),
]
