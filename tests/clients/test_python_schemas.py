"""google-cloud-pubsub's schema client over gRPC and over REST, and topics that take only what fits."""

import json

import pytest
from google.api_core.exceptions import BadRequest, NotFound
from google.pubsub_v1.types import Encoding, Schema, SchemaView
from pubsub_project import Project, data_of

pytestmark = pytest.mark.parametrize("transport", ["grpc", "rest"])

AVRO = Schema.Type.AVRO
PROTOBUF = Schema.Type.PROTOCOL_BUFFER


def record(**fields: str) -> str:
    """An Avro record with fields of these types."""
    made = [{"name": name, "type": kind, "default": "" if kind == "string" else 0} for name, kind in fields.items()]
    return json.dumps({"type": "record", "name": "Reading", "fields": made})


def created(project: Project, kind: Schema.Type, definition: str) -> Schema:
    name = project.new("schemas")
    wanted = Schema(type_=kind, definition=definition)
    return project.schemas.create_schema(parent=project.path, schema=wanted, schema_id=name.rsplit("/", 1)[1])


def test_schemas_are_listed_read_and_deleted(project: Project) -> None:
    made = [created(project, AVRO, record(a="string")) for _ in range(5)]
    listed = project.schemas.list_schemas(request={"parent": project.path, "page_size": 2, "view": SchemaView.FULL})
    assert [(one.name, one.definition) for one in listed] == [(one.name, one.definition) for one in made]
    assert project.schemas.get_schema(name=made[0].name).definition == record(a="string")
    project.schemas.delete_schema(name=made[0].name)
    with pytest.raises(NotFound):
        project.schemas.get_schema(name=made[0].name)


def test_revisions_are_committed_rolled_back_to_and_deleted(project: Project) -> None:
    first = created(project, AVRO, record(a="string"))
    wanted = Schema(name=first.name, type_=AVRO, definition=record(a="string", b="int"))
    second = project.schemas.commit_schema(name=first.name, schema=wanted)
    third = project.schemas.rollback_schema(name=first.name, revision_id=first.revision_id)
    assert (third.definition, len({first.revision_id, second.revision_id, third.revision_id})) == (first.definition, 3)
    paged = {"name": first.name, "page_size": 1}
    listed = [one.revision_id for one in project.schemas.list_schema_revisions(request=paged)]
    assert listed == [third.revision_id, second.revision_id, first.revision_id]
    project.schemas.delete_schema_revision(name=f"{first.name}@{second.revision_id}")
    assert len(list(project.schemas.list_schema_revisions(name=first.name))) == 2


@pytest.mark.parametrize(
    ("kind", "definition"),
    [(AVRO, record(count="int")), (PROTOBUF, 'syntax = "proto3"; message Reading { int32 count = 1; }')],
    ids=["avro", "protobuf"],
)
def test_a_topic_with_a_schema_takes_only_what_fits(project: Project, kind: Schema.Type, definition: str) -> None:
    schema = created(project, kind, definition)
    topic = project.topic(schema_settings={"schema": schema.name, "encoding": Encoding.JSON})
    subscription = project.subscription(topic)
    project.publish(topic, b'{"count": 3}')
    with pytest.raises(BadRequest):
        project.publish(topic, b'{"count": "many"}')
    (received,) = project.pull(subscription, 1)
    assert data_of([received]) == [b'{"count": 3}']
    assert received.message.attributes["googclient_schemaencoding"] == "JSON"
    assert received.message.attributes["googclient_schemarevisionid"] == schema.revision_id


def test_definitions_and_messages_are_validated(project: Project) -> None:
    good = Schema(type_=AVRO, definition=record(count="int"))
    project.schemas.validate_schema(parent=project.path, schema=good)
    with pytest.raises(BadRequest):
        project.schemas.validate_schema(parent=project.path, schema=Schema(type_=AVRO, definition="{"))
    asked = {"parent": project.path, "schema": good, "encoding": Encoding.JSON}
    project.schemas.validate_message(request={**asked, "message": b'{"count": 3}'})
    with pytest.raises(BadRequest):
        project.schemas.validate_message(request={**asked, "message": b'{"count": "many"}'})
