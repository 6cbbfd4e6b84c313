"""Schemas in Avro and what is published by them, as google.pubsub.v1 and Avro 1.11 document them."""

import json
from typing import Any

import pytest
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.types import Encoding, Schema
from grpc import StatusCode
from pubsub_kit import Broker, mask, refused

ENUM = {"type": "enum", "name": "E", "namespace": "x.y", "symbols": ["A", "B"]}


def definition(*fields: tuple[str, Any]) -> str:
    """An Avro record with these fields."""
    return json.dumps(
        {"type": "record", "name": "R", "fields": [{"name": name, "type": kind} for name, kind in fields]}
    )


FIRST = definition(("a", "string"), ("n", "int"))
OPTIONAL = {"name": "q", "type": ["null", "string"], "default": None}
SECOND = json.dumps({**json.loads(FIRST), "fields": [*json.loads(FIRST)["fields"], OPTIONAL]})
OLD = b'{"a": "x", "n": 1}'
NEW = b'{"a": "x", "n": 1, "q": {"string": "y"}}'


class Registry:
    """The schema service of a broker, seen from one project."""

    def __init__(self, broker: Broker) -> None:
        self.client = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=broker._channel))
        self.parent = f"projects/{broker.project}"

    def create(self, text: str = FIRST, id_: str = "orders") -> Schema:
        schema = Schema(type_=Schema.Type.AVRO, definition=text)
        return self.client.create_schema(parent=self.parent, schema=schema, schema_id=id_)

    def commit(self, name: str, text: str) -> Schema:
        return self.client.commit_schema(name=name, schema=Schema(type_=Schema.Type.AVRO, definition=text))

    def check(self, text: str, message: bytes, encoding: Encoding) -> None:
        """Raises InvalidArgument unless ``message`` fits."""
        self.client.validate_message(
            request={
                "parent": self.parent,
                "schema": {"type_": Schema.Type.AVRO, "definition": text},
                "message": message,
                "encoding": encoding,
            }
        )


@pytest.fixture
def schemas(broker: Broker) -> Registry:
    return Registry(broker)


def topic_of(broker: Broker, schema: Schema, encoding: Encoding = Encoding.JSON, **revisions: str) -> str:
    return broker.topic(schema_settings={"schema": schema.name, "encoding": encoding, **revisions})


def told(broker: Broker, subscription: str) -> str:
    """The revision that the next message is told to be of."""
    [received] = broker.pull(subscription, 1)
    broker.ack(subscription, received)
    return received.message.attributes["googclient_schemarevisionid"]


# The schema service


def test_a_schema_is_made_and_found(schemas: Registry) -> None:
    made = schemas.create()
    assert made.name == f"{schemas.parent}/schemas/orders"
    assert int(made.revision_id, 16) >= 0
    assert len(made.revision_id) == 8
    assert made.revision_create_time
    assert schemas.client.get_schema(name=made.name) == made
    with refused(StatusCode.ALREADY_EXISTS, "Schema already exists"):
        schemas.create()


@pytest.mark.parametrize("id_", ["", "ab", "1abc", "googabc", "a b c", "a@b"])
def test_an_improper_id_is_refused(schemas: Registry, id_: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, f"Invalid [schemas] name: (name={schemas.parent}/schemas/{id_})"):
        schemas.create(id_=id_)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "'string'",
        '"nope"',
        '{"type": "array"}',
        '{"type": "record", "name": "R"}',
        '{"type": "record", "name": "1R", "fields": []}',
        '{"type": {"type": "string"}}',
        '{"type": "enum", "name": "E", "symbols": ["A", "A"]}',
        definition(("a", "int"), ("a", "int")),
        definition(("a", ["int", "int"])),
        '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": "x"}]}',
    ],
)
def test_what_is_no_avro_definition_is_refused(schemas: Registry, text: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "Could not parse schema definition"):
        schemas.create(text)


def test_a_schema_has_revisions(schemas: Registry) -> None:
    first = schemas.create()
    second = schemas.commit(first.name, SECOND)
    third = schemas.client.rollback_schema(name=first.name, revision_id=first.revision_id)
    assert third.definition == FIRST
    assert schemas.client.get_schema(name=first.name).revision_id == third.revision_id
    assert schemas.client.get_schema(name=f"{first.name}@{second.revision_id}").definition == SECOND
    ids = {first.revision_id, second.revision_id, third.revision_id}
    assert {one.revision_id for one in schemas.client.list_schema_revisions(name=first.name)} == ids
    deleted = schemas.client.delete_schema_revision(name=f"{first.name}@{second.revision_id}")
    assert deleted.revision_id == second.revision_id
    with refused(StatusCode.NOT_FOUND, "Schema revision not found"):
        schemas.client.get_schema(name=f"{first.name}@{second.revision_id}")


def test_the_only_revision_stays(schemas: Registry) -> None:
    made = schemas.create()
    with refused(StatusCode.INVALID_ARGUMENT, "Cannot delete last revision"):
        schemas.client.delete_schema_revision(name=f"{made.name}@{made.revision_id}")
    schemas.client.delete_schema(name=made.name)
    with refused(StatusCode.NOT_FOUND, "Schema not found"):
        schemas.client.get_schema(name=made.name)


def test_there_are_at_most_twenty_revisions(schemas: Registry) -> None:
    name = schemas.create().name
    for _ in range(19):
        schemas.commit(name, FIRST)
    with refused(StatusCode.RESOURCE_EXHAUSTED, "Already at maximum number of schema revisions"):
        schemas.commit(name, FIRST)


@pytest.mark.embedded_only("commits anything")
@pytest.mark.parametrize("text", [definition(("zz", "int")), definition(("a", "int"), ("n", "int"))])
def test_a_revision_that_does_not_go_with_the_others_is_refused(schemas: Registry, text: str) -> None:
    name = schemas.create().name
    with refused(StatusCode.INVALID_ARGUMENT, "Compatibility checking failed"):
        schemas.commit(name, text)


def test_schemas_are_listed_by_name_and_in_pages(schemas: Registry) -> None:
    names = [schemas.create(id_=id_).name for id_ in ("aaa", "bbb", "ccc")]
    pages = schemas.client.list_schemas(request={"parent": schemas.parent, "page_size": 2}).pages
    assert [[one.name for one in page.schemas] for page in pages] == [names[:2], names[2:]]


# Messages

U = definition(("u", ["null", "string", ENUM]))


def _google_takes(*values: Any) -> Any:
    """A message that Google's emulator takes, though it does not fit."""
    return pytest.param(*values, marks=pytest.mark.embedded_only("takes it"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FIRST, OLD),
        (FIRST, b'{"n": 1, "a": "x", "z": "more than the record has"}'),
        (definition(("d", "double")), b'{"d": 1}'),
        (U, b'{"u": null}'),
        (U, b'{"u": {"string": "x"}}'),
        (U, b'{"u": {"x.y.E": "A"}}'),
        ('["null", "int"]', b"null"),
        ('{"type": "fixed", "name": "F", "size": 2}', b'"ab"'),
        ('{"type": "map", "values": "int"}', b'{"k": 1}'),
    ],
)
def test_json_that_fits(schemas: Registry, text: str, message: bytes) -> None:
    schemas.check(text, message, Encoding.JSON)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FIRST, b"no"),
        (FIRST, b'{"a": "x"}'),
        (FIRST, b'{"a": 1, "n": 1}'),
        (FIRST, b'{"a": "x", "n": 99999999999}'),
        _google_takes(FIRST, b'{"a": "x", "n": 1.5}'),
        _google_takes(FIRST, OLD + b" more"),
        _google_takes(FIRST, OLD + OLD),
        (definition(("d", "double")), b'{"d": "NaN"}'),
        (definition(("d", "double")), b'{"d": NaN}'),
        (U, b'{"u": "x"}'),
        (U, b'{"u": {"E": "A"}}'),
        (U, b'{"u": {"x.y.E": "C"}}'),
        (U, b"{}"),
        _google_takes(U, b'{"u": {"string": "x", "x.y.E": "A"}}'),
        ('{"type": "fixed", "name": "F", "size": 2}', b'"abc"'),
        _google_takes('"bytes"', '"€"'.encode()),
    ],
)
def test_json_that_does_not_fit(schemas: Registry, text: str, message: bytes) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        schemas.check(text, message, Encoding.JSON)


@pytest.mark.parametrize(("text", "message"), [(FIRST, b"\x02x\x02"), (U, b"\x00"), (U, b"\x04\x02"), ('"null"', b"")])
def test_binary_that_fits(schemas: Registry, text: str, message: bytes) -> None:
    schemas.check(text, message, Encoding.BINARY)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FIRST, b""),
        (FIRST, b"\x0ax"),
        _google_takes(FIRST, b"\x02x\x02more"),
        _google_takes('"boolean"', b"\x02"),
        _google_takes('"string"', b"\x02\xff"),
        (U, b"\x06"),
    ],
)
def test_binary_that_does_not_fit(schemas: Registry, text: str, message: bytes) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        schemas.check(text, message, Encoding.BINARY)


def test_without_an_encoding_nothing_is_checked(schemas: Registry) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "No encoding provided."):
        schemas.check(FIRST, OLD, Encoding.ENCODING_UNSPECIFIED)


# Topics


def test_messages_are_told_the_newest_revision_that_they_fit(broker: Broker, schemas: Registry) -> None:
    first = schemas.create()
    topic = topic_of(broker, first)
    subscription = broker.subscription(topic)
    second = schemas.commit(first.name, SECOND)
    for data, revision in ((OLD, first), (NEW, second)):
        broker.publish(topic, data)
        assert told(broker, subscription) == revision.revision_id


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.BINARY])
def test_what_does_not_fit_is_not_published(broker: Broker, schemas: Registry, encoding: Encoding) -> None:
    topic = topic_of(broker, schemas.create(), encoding)
    subscription = broker.subscription(topic)
    good = OLD if encoding is Encoding.JSON else b"\x02x\x02"
    with refused(StatusCode.INVALID_ARGUMENT):
        broker.publish(topic, good, b"no")
    broker.publish(topic, good, attributes={"key": "value"})
    [received] = broker.pull(subscription)
    assert received.message.data == good
    assert dict(received.message.attributes) == {
        "key": "value",
        "googclient_schemaname": f"{schemas.parent}/schemas/orders",
        "googclient_schemaencoding": encoding.name,
        "googclient_schemarevisionid": received.message.attributes["googclient_schemarevisionid"],
    }


def test_a_topic_may_take_a_range_of_revisions(broker: Broker, schemas: Registry) -> None:
    first = schemas.create()
    second = schemas.commit(first.name, SECOND)
    topic = topic_of(broker, first, first_revision_id=second.revision_id)
    with refused(StatusCode.INVALID_ARGUMENT):
        broker.publish(topic, OLD)
    settings = {"schema": first.name, "encoding": Encoding.JSON, "last_revision_id": first.revision_id}
    updated = {"name": topic, "schema_settings": settings}
    broker.publisher.update_topic(topic=updated, update_mask=mask("schema_settings"))
    broker.publish(topic, OLD)


@pytest.mark.parametrize(
    ("settings", "code", "text"),
    [
        ({"schema": "projects/p/schemas/missing"}, StatusCode.NOT_FOUND, "Schema could not be found"),
        ({"schema": ""}, StatusCode.INVALID_ARGUMENT, "No schema name provided"),
        ({"encoding": 0}, StatusCode.INVALID_ARGUMENT, "Invalid schema encoding provided"),
        ({"first_revision_id": "00000000"}, StatusCode.NOT_FOUND, "First revision could not be found"),
        ({"last_revision_id": "00000000"}, StatusCode.NOT_FOUND, "Last revision could not be found"),
    ],
)
def test_a_topic_needs_a_schema_that_is_there(
    broker: Broker, schemas: Registry, settings: dict[str, Any], code: StatusCode, text: str
) -> None:
    schema = {"schema": schemas.create().name, "encoding": Encoding.JSON}
    with refused(code, text):
        broker.topic(schema_settings={**schema, **settings})


def test_a_schema_made_again_is_another_schema(broker: Broker, schemas: Registry) -> None:
    schema = schemas.create()
    topic = topic_of(broker, schema)
    schemas.client.delete_schema(name=schema.name)
    schemas.create()
    assert broker.publisher.get_topic(topic=topic).schema_settings.schema == "_deleted-schema_"
    with refused(StatusCode.NOT_FOUND, "Schema associated with topic deleted."):
        broker.publish(topic, OLD)
