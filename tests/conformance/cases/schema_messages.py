"""Messages and schemas: ValidateMessage, and topics that have a schema."""

from typing import Any

from harness.case import SAME, Case
from harness.kit import Kit, mask
from harness.sources import SCHEMAS, UNDOCUMENTED, reference

from cases.schemas import INVALID, NOT_FOUND, OPTIONAL, UNIMPLEMENTED, avro, committed, created, proto

VALIDATE = reference("SchemaService.ValidateMessage")
SETTINGS = reference("SchemaSettings")
GOOD = b'{"a": "x", "n": 1}'


def _valid(
    id_: str,
    what: str,
    message: bytes,
    documented: object,
    *,
    encoding: str = "JSON",
    schema: Any = None,
    google: object = SAME,
) -> Case:
    def run(kit: Kit) -> str:
        fields = {"schema": schema or avro(), "message": message, "encoding": encoding}
        return kit.ok("ValidateMessage", parent=f"projects/{kit.project}", **fields)

    return Case(f"validate-{id_}", f"ValidateMessage of {what}", run, documented, VALIDATE, google=google)


def _by_name(kit: Kit) -> str:
    request = {"parent": f"projects/{kit.project}", "message": GOOD, "encoding": "JSON"}
    return kit.ok("ValidateMessage", name=created(kit).name, **request)


def _by_missing_name(kit: Kit) -> str:
    request = {"parent": f"projects/{kit.project}", "message": GOOD, "encoding": "JSON"}
    return kit.ok("ValidateMessage", name=kit.name("schemas"), **request)


def topic_of(kit: Kit, schema: Any, encoding: str = "JSON", **revisions: str) -> str:
    """A topic with this schema."""
    return kit.topic(schema_settings={"schema": schema.name, "encoding": encoding, **revisions})


def _publish(
    id_: str,
    what: str,
    messages: list[bytes],
    documented: object,
    *,
    encoding: str = "JSON",
    schema: Any = None,
    google: object = SAME,
) -> Case:
    def run(kit: Kit) -> str:
        topic = topic_of(kit, created(kit, schema), encoding)
        return kit.ok("Publish", topic=topic, messages=[{"data": one} for one in messages])

    return Case(
        f"publish-{id_}", f"Publish of {what} to a topic with a schema", run, documented, SCHEMAS, google=google
    )


def _attributes(kit: Kit) -> Any:
    schema = created(kit)
    topic = topic_of(kit, schema)
    subscription = kit.subscription(topic)
    kit.call("Publish", topic=topic, messages=[{"data": GOOD}])
    told = {
        name.removeprefix("googclient_"): value for name, value in kit.pull(subscription)[0].message.attributes.items()
    }
    return (
        told.get("schemaencoding"),
        told.get("schemaname") == schema.name,
        told.get("schemarevisionid") == schema.revision_id,
    )


def _topic(id_: str, what: str, documented: object, source: str, **settings: Any) -> Case:
    def run(kit: Kit) -> str:
        name = settings.get("schema") or created(kit).name
        return kit.ok("CreateTopic", name=kit.name("topics"), schema_settings={**settings, "schema": name})

    return Case(f"topic-{id_}", f"CreateTopic with {what}", run, documented, source)


def _deleted(kit: Kit) -> str:
    schema = created(kit)
    topic = topic_of(kit, schema)
    kit.call("DeleteSchema", name=schema.name)
    return kit.call("GetTopic", topic=topic).schema_settings.schema


def _publish_deleted(kit: Kit) -> str:
    schema = created(kit)
    topic = topic_of(kit, schema)
    kit.call("DeleteSchema", name=schema.name)
    return kit.ok("Publish", topic=topic, messages=[{"data": GOOD}])


def _new_revision(kit: Kit) -> Any:
    """The revision that a message is told to be of, when it is valid by the newer one only."""
    first = created(kit, avro(fields=[{"name": "a", "type": "string"}]))
    topic = topic_of(kit, first)
    subscription = kit.subscription(topic)
    second = committed(kit, first.name, avro(OPTIONAL, fields=[{"name": "a", "type": "string"}]))
    kit.call("Publish", topic=topic, messages=[{"data": b'{"a": "x", "q": {"string": "y"}}'}])
    told = kit.pull(subscription)[0].message.attributes["googclient_schemarevisionid"]
    return told == second.revision_id


def _set_later(kit: Kit) -> str:
    topic = kit.topic()
    settings = {"schema": created(kit).name, "encoding": "JSON"}
    kit.call("UpdateTopic", topic={"name": topic, "schema_settings": settings}, update_mask=mask("schema_settings"))
    return kit.ok("Publish", topic=topic, messages=[{"data": b"no"}])


def _removed_later(kit: Kit) -> str:
    topic = topic_of(kit, created(kit))
    kit.call("UpdateTopic", topic={"name": topic}, update_mask=mask("schema_settings"))
    return kit.ok("Publish", topic=topic, messages=[{"data": b"no"}])


def _range(kit: Kit) -> Any:
    """A topic that takes the first revision only."""
    first = created(kit, avro(fields=[{"name": "a", "type": "string"}]))
    committed(kit, first.name, avro(OPTIONAL, fields=[{"name": "a", "type": "string"}]))
    topic = topic_of(kit, first, first_revision_id=first.revision_id, last_revision_id=first.revision_id)
    subscription = kit.subscription(topic)
    kit.call("Publish", topic=topic, messages=[{"data": b'{"a": "x"}'}])
    return kit.pull(subscription)[0].message.attributes["googclient_schemarevisionid"] == first.revision_id


def _nothing_published(kit: Kit) -> list[str]:
    topic = topic_of(kit, created(kit))
    subscription = kit.subscription(topic)
    kit.refusal("Publish", topic=topic, messages=[{"data": GOOD}, {"data": b"no"}])
    return kit.backlog(subscription)


PROTO_BINARY = b"\x0a\x01x\x10\x01"

CASES = [
    _valid("json", "JSON that is valid", GOOD, "OK"),
    _valid("json-type", "JSON with a value of another type", b'{"a": 1, "n": 1}', INVALID),
    _valid("json-missing", "JSON without a field that has no default", b'{"n": 1}', INVALID),
    _valid("json-no-json", "what is no JSON", b"no", INVALID),
    _valid("binary", "Avro binary that is valid", b"\x02x\x02", "OK", encoding="BINARY"),
    _valid("binary-short", "Avro binary that ends too early", b"\x08x", INVALID, encoding="BINARY"),
    _valid("no-encoding", "a message without an encoding", GOOD, INVALID, encoding="ENCODING_UNSPECIFIED"),
    _valid(
        "bad-schema", "a message by a schema that is none", GOOD, INVALID, schema={"type_": "AVRO", "definition": "{"}
    ),
    _valid("proto-json", "Protocol Buffer JSON that is valid", GOOD, "OK", schema=proto(), google=UNIMPLEMENTED),
    _valid(
        "proto-json-field",
        "Protocol Buffer JSON with an unknown field",
        b'{"z": 1}',
        INVALID,
        schema=proto(),
        google=UNIMPLEMENTED,
    ),
    _valid(
        "proto-binary",
        "Protocol Buffer binary that is valid",
        PROTO_BINARY,
        "OK",
        schema=proto(),
        encoding="BINARY",
        google=UNIMPLEMENTED,
    ),
    _valid(
        "proto-binary-short",
        "Protocol Buffer binary that ends too early",
        b"\x0a\x05x",
        INVALID,
        schema=proto(),
        encoding="BINARY",
        google=UNIMPLEMENTED,
    ),
    Case("validate-name", "ValidateMessage by the name of a schema", _by_name, "OK", VALIDATE),
    Case(
        "validate-missing",
        "ValidateMessage by the name of a schema that does not exist",
        _by_missing_name,
        NOT_FOUND,
        VALIDATE,
    ),
    _publish("valid", "a valid message", [GOOD], "OK"),
    _publish("invalid", "an invalid message", [b'{"a": 1}'], INVALID),
    _publish("one-invalid", "two messages, one of them invalid,", [GOOD, b"no"], INVALID),
    _publish("binary", "valid Avro binary", [b"\x02x\x02"], "OK", encoding="BINARY"),
    _publish(
        "proto",
        "valid Protocol Buffer binary",
        [PROTO_BINARY],
        "OK",
        encoding="BINARY",
        schema=proto(),
        google=UNIMPLEMENTED,
    ),
    _publish(
        "proto-invalid",
        "invalid Protocol Buffer binary",
        [b"\x0a\x05x"],
        INVALID,
        encoding="BINARY",
        schema=proto(),
        google=UNIMPLEMENTED,
    ),
    Case(
        "nothing-published", "What is delivered of two messages, one of them invalid", _nothing_published, [], SCHEMAS
    ),
    Case(
        "attributes",
        "What a message tells of its schema: encoding; name and revision as they should be?",
        _attributes,
        ("JSON", True, True),
        SCHEMAS,
    ),
    _topic(
        "missing",
        "a schema that does not exist",
        NOT_FOUND,
        SETTINGS,
        schema="projects/p/schemas/none",
        encoding="JSON",
    ),
    _topic("no-encoding", "a schema and no encoding", INVALID, UNDOCUMENTED),
    Case(
        "topic-deleted",
        "The schema that a topic names when it was deleted",
        _deleted,
        "_deleted-schema_",
        reference("SchemaSettings.schema"),
    ),
    Case("publish-deleted", "Publish to a topic whose schema was deleted", _publish_deleted, NOT_FOUND, UNDOCUMENTED),
    Case(
        "new-revision",
        "A message valid by the second revision only: is it told to be of that?",
        _new_revision,
        documented=True,
        source=SCHEMAS,
    ),
    Case(
        "range",
        "A topic of the first of two revisions: is a message told to be of that?",
        _range,
        documented=True,
        source=reference("SchemaSettings.last_revision_id"),
    ),
    Case(
        "set-later", "Publish of an invalid message after UpdateTopic of schema_settings", _set_later, INVALID, SETTINGS
    ),
    Case(
        "removed-later",
        "Publish of an invalid message after UpdateTopic of schema_settings to none",
        _removed_later,
        "OK",
        SETTINGS,
    ),
]
