"""The flags of ``topics create`` and ``topics update``."""

import re

from pubsubctl.broker.naming import Kind
from pubsubctl.cli.flags import LABEL_CHANGES, LABELS, Flag, Flags, clearing, switch
from pubsubctl.cli.lists import listed
from pubsubctl.cli.readers import duration

_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")


def _encoding(text: str) -> str:
    if text.lower() not in {"json", "binary"}:
        raise ValueError("must be json or binary")
    return text.upper()


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError("must be projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY")
    return text


_SETTINGS: Flags = {
    "message_retention_duration": Flag(
        "message_retention_duration",
        "How long messages can be had again by seeking, whether acknowledged or not; 10m to 31d.",
        "DURATION",
        read=duration("10m", "31d"),
    ),
    "schema": Flag(
        "schema_settings.schema",
        "Schema that messages must conform to.",
        "SCHEMA",
        refers_to=Kind.SCHEMA,
        needs="message_encoding",
        anew=True,
    ),
    "message_encoding": Flag(
        "schema_settings.encoding", "How messages are encoded.", "json|binary", read=_encoding, needs="schema"
    ),
    "first_revision_id": Flag(
        "schema_settings.first_revision_id", "Oldest revision of the schema that is allowed.", "ID", needs="schema"
    ),
    "last_revision_id": Flag(
        "schema_settings.last_revision_id", "Newest revision of the schema that is allowed.", "ID", needs="schema"
    ),
    "message_storage_policy_allowed_regions": Flag(
        "message_storage_policy.allowed_persistence_regions",
        "Regions of the cloud in which messages may be stored.",
        "REGION,...",
        list[str],
        listed,
        anew=True,
    ),
    "message_storage_policy_enforce_in_transit": switch(
        "message_storage_policy.enforce_in_transit",
        "Publish, pull and push in those regions only.",
        needs="message_storage_policy_allowed_regions",
    ),
    "topic_encryption_key": Flag("kms_key_name", "Cloud KMS key, by its full name.", "KEY", read=_key),
}

CREATE: Flags = {"labels": LABELS, **_SETTINGS}

UPDATE: Flags = {
    **LABEL_CHANGES,
    **_SETTINGS,
    "clear_message_retention_duration": clearing(
        "message_retention_duration", "Keep no acknowledged messages for seeking.", "message_retention_duration"
    ),
    "clear_schema_settings": clearing("schema_settings", "Take any message.", "schema", "message_encoding"),
    "recompute_message_storage_policy": clearing(
        "message_storage_policy",
        "Store messages where the organization's policy says.",
        "message_storage_policy_allowed_regions",
    ),
}
