"""The schema service: schemas, their revisions, and what is valid."""

import json
from typing import Any

from google.pubsub_v1.types import Schema, SchemaView
from harness.case import SAME, Case
from harness.expected import Refused
from harness.kit import Kit
from harness.sources import QUOTAS, SCHEMA_REVISIONS, SCHEMAS, UNDOCUMENTED, reference

INVALID = Refused("INVALID_ARGUMENT")
NOT_FOUND = Refused("NOT_FOUND")
UNIMPLEMENTED = Refused("UNIMPLEMENTED")
CREATE = reference("SchemaService.CreateSchema")
VALIDATE = reference("SchemaService.ValidateSchema")

FIELDS: list[dict[str, Any]] = [{"name": "a", "type": "string"}, {"name": "n", "type": "int", "default": 0}]


def avro(*more: dict[str, Any], fields: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """An Avro record: a string ``a``, an int ``n`` with a default, and more fields."""
    record = {"type": "record", "name": "R", "fields": [*(FIELDS if fields is None else fields), *more]}
    return {"type_": "AVRO", "definition": json.dumps(record)}


def proto(definition: str = 'syntax = "proto3"; message R { string a = 1; int32 n = 2; }') -> dict[str, Any]:
    """A Protocol Buffer schema."""
    return {"type_": "PROTOCOL_BUFFER", "definition": definition}


WIDER = {"name": "n", "type": "long", "default": 0}
OPTIONAL = {"name": "q", "type": ["null", "string"], "default": None}


def created(kit: Kit, schema: dict[str, Any] | None = None, id_: str = "schema-1") -> Any:
    """A new schema."""
    return kit.call("CreateSchema", parent=f"projects/{kit.project}", schema_id=id_, schema=schema or avro())


def committed(kit: Kit, name: str, schema: dict[str, Any]) -> Any:
    """A new revision of a schema."""
    return kit.call("CommitSchema", name=name, schema={"name": name, **schema})


def _created(kit: Kit) -> Any:
    made = created(kit)
    return made.name == f"projects/{kit.project}/schemas/schema-1", len(made.revision_id), made.definition != ""


def _own_name(kit: Kit) -> bool:
    made = created(kit, {"name": "projects/other/schemas/own", **avro()})
    return made.name == f"projects/{kit.project}/schemas/schema-1"


def _duplicate(kit: Kit) -> str:
    created(kit)
    created(kit)
    return "OK"


def _definition(
    id_: str, what: str, schema: dict[str, Any], documented: object, source: str, google: object = SAME
) -> list[Case]:
    """The same of CreateSchema and of ValidateSchema."""

    def create(kit: Kit) -> str:
        created(kit, schema)
        return "OK"

    def validate(kit: Kit) -> str:
        return kit.ok("ValidateSchema", parent=f"projects/{kit.project}", schema=schema)

    return [
        Case(f"create-{id_}", f"CreateSchema with {what}", create, documented, source, google=google),
        Case(f"validate-{id_}", f"ValidateSchema of {what}", validate, documented, source, google=google),
    ]


def _view(id_: str, what: str, documented: bool, **view: Any) -> Case:
    """Whether the definition is there."""

    def run(kit: Kit) -> bool:
        return bool(kit.call("GetSchema", name=created(kit).name, **view).definition)

    source = reference("GetSchemaRequest.view")
    return Case(f"get-{id_}", f"GetSchema {what}: is the definition there?", run, documented, source)


def _list_view(id_: str, what: str, documented: bool, google: object = SAME, **view: Any) -> Case:
    def run(kit: Kit) -> bool:
        created(kit)
        [one] = kit.call("ListSchemas", parent=f"projects/{kit.project}", **view).schemas
        return bool(one.definition)

    source = reference("ListSchemasRequest.view")
    return Case(f"list-{id_}", f"ListSchemas {what}: are definitions there?", run, documented, source, google=google)


def _missing(rpc: str, **fields: Any) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok(rpc, name=kit.name("schemas"), **fields)

    what = f"{rpc} of a schema that does not exist"
    return Case(f"missing-{rpc}", what, run, NOT_FOUND, reference(f"SchemaService.{rpc}"))


def _deleted(kit: Kit) -> str:
    name = created(kit).name
    kit.call("DeleteSchema", name=name)
    return kit.ok("GetSchema", name=name)


def _committed(kit: Kit) -> Any:
    first = created(kit)
    second = committed(kit, first.name, avro(OPTIONAL))
    got = kit.call("GetSchema", name=first.name, view=SchemaView.FULL)
    return first.revision_id != second.revision_id == got.revision_id, "null" in got.definition


def _revisions(kit: Kit) -> int:
    name = created(kit).name
    committed(kit, name, avro(OPTIONAL))
    return len(kit.call("ListSchemaRevisions", name=name).schemas)


def _of_revision(kit: Kit) -> bool:
    first = created(kit)
    committed(kit, first.name, avro(OPTIONAL))
    got = kit.call("GetSchema", name=f"{first.name}@{first.revision_id}", view=SchemaView.FULL)
    return got.revision_id == first.revision_id and got.definition == first.definition


def _commit(id_: str, what: str, schema: dict[str, Any], documented: object, google: object = SAME) -> Case:
    """A commit to a schema of the same type, or to the Avro one."""

    def run(kit: Kit) -> str:
        first = proto() if id_.startswith("proto") else avro()
        committed(kit, created(kit, first).name, schema)
        return "OK"

    return Case(f"commit-{id_}", f"CommitSchema that {what}", run, documented, SCHEMA_REVISIONS, google=google)


def _rolled_back(kit: Kit) -> Any:
    first = created(kit)
    second = committed(kit, first.name, avro(OPTIONAL))
    third = kit.call("RollbackSchema", name=first.name, revision_id=first.revision_id)
    got = kit.call("GetSchema", name=first.name, view=SchemaView.FULL)
    new = third.revision_id not in {first.revision_id, second.revision_id}
    return new, got.definition == first.definition, len(kit.call("ListSchemaRevisions", name=first.name).schemas)


def _rollback_missing(kit: Kit) -> str:
    return kit.ok("RollbackSchema", name=created(kit).name, revision_id="00000000")


def _revision_deleted(kit: Kit) -> Any:
    first = created(kit)
    second = committed(kit, first.name, avro(OPTIONAL))
    kit.call("DeleteSchemaRevision", name=f"{first.name}@{first.revision_id}")
    left = kit.call("ListSchemaRevisions", name=first.name).schemas
    return [one.revision_id == second.revision_id for one in left]


def _only_revision_deleted(kit: Kit) -> str:
    first = created(kit)
    return kit.ok("DeleteSchemaRevision", name=f"{first.name}@{first.revision_id}")


def _revision_limit(kit: Kit) -> str:
    name = created(kit).name
    for number in range(20):
        committed(kit, name, avro({"name": f"q{number}", "type": ["null", "string"], "default": None}))
    return "OK"


def _types(kit: Kit) -> str:
    return Schema.Type(kit.call("GetSchema", name=created(kit).name).type_).name


MORE = 'syntax = "proto3"; message R { string a = 1; int32 n = 2; optional string q = 3; }'
OTHER = 'syntax = "proto3"; message R { int32 a = 1; int32 n = 2; }'
TWO_TYPES = 'syntax = "proto3"; message A { string a = 1; } message B { string b = 1; }'
IMPORT = 'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message A { google.protobuf.Timestamp t = 1; }'

CASES = [
    Case(
        "created",
        "CreateSchema: the name as it should be? length of the revision id; is the definition there?",
        _created,
        (True, 8, True),
        CREATE,
    ),
    Case("type", "GetSchema: the type", _types, "AVRO", CREATE),
    Case(
        "own-name",
        "CreateSchema with a name in the schema: is it ignored?",
        _own_name,
        documented=True,
        source=reference("CreateSchemaRequest.schema"),
    ),
    Case("duplicate", "CreateSchema with an id that is taken", _duplicate, Refused("ALREADY_EXISTS"), UNDOCUMENTED),
    *_definition("avro", "an Avro record", avro(), "OK", VALIDATE),
    *_definition(
        "bad-avro", "an Avro definition that is no JSON", {"type_": "AVRO", "definition": "{"}, INVALID, VALIDATE
    ),
    *_definition(
        "unknown-avro", "an Avro type that is unknown", avro({"name": "z", "type": "nope"}), INVALID, VALIDATE
    ),
    *_definition("no-type", "a definition without a type", {"definition": avro()["definition"]}, INVALID, VALIDATE),
    *_definition("no-definition", "a type without a definition", {"type_": "AVRO"}, INVALID, VALIDATE),
    *_definition(
        "too-large",
        "a definition over 300 KB",
        avro(fields=[{"name": f"f{n}", "type": "string"} for n in range(10_000)]),
        INVALID,
        QUOTAS,
        "OK",
    ),
    *_definition("proto", "a Protocol Buffer message", proto(), "OK", SCHEMAS, UNIMPLEMENTED),
    *_definition(
        "bad-proto", "a Protocol Buffer definition that is none", proto("message {"), INVALID, SCHEMAS, UNIMPLEMENTED
    ),
    *_definition(
        "two-types", "a Protocol Buffer definition of two messages", proto(TWO_TYPES), INVALID, SCHEMAS, UNIMPLEMENTED
    ),
    *_definition(
        "import", "a Protocol Buffer definition with an import", proto(IMPORT), INVALID, SCHEMAS, UNIMPLEMENTED
    ),
    _view("basic", "with the view BASIC", documented=False, view=SchemaView.BASIC),
    _view("full", "with the view FULL", documented=True, view=SchemaView.FULL),
    _view("default", "without a view", documented=True),
    _list_view("basic", "with the view BASIC", documented=False, view=SchemaView.BASIC),
    _list_view("full", "with the view FULL", documented=True, view=SchemaView.FULL),
    _list_view("default", "without a view", documented=False, google=True),
    _missing("GetSchema"),
    _missing("DeleteSchema"),
    _missing("ListSchemaRevisions"),
    _missing("RollbackSchema", revision_id="00000000"),
    _missing("CommitSchema", schema=avro()),
    Case("deleted", "GetSchema after DeleteSchema", _deleted, NOT_FOUND, reference("SchemaService.DeleteSchema")),
    Case(
        "committed",
        "CommitSchema: has GetSchema the new revision id, and the new definition?",
        _committed,
        (True, True),
        SCHEMA_REVISIONS,
    ),
    Case(
        "revisions", "Revisions listed after one commit", _revisions, 2, reference("SchemaService.ListSchemaRevisions")
    ),
    Case(
        "of-revision",
        "GetSchema of name@revision: is it the first revision?",
        _of_revision,
        documented=True,
        source=SCHEMA_REVISIONS,
    ),
    _commit("optional", "adds an optional field", avro(OPTIONAL), "OK"),
    _commit("required", "adds a field without a default", avro({"name": "z", "type": "int"}), INVALID, "OK"),
    _commit("optional-removed", "removes a field with a default", avro(fields=FIELDS[:1]), "OK"),
    _commit("required-removed", "removes a field without a default", avro(fields=FIELDS[1:]), INVALID, "OK"),
    _commit(
        "type", "changes the type of a field", avro(fields=[{"name": "a", "type": "int"}, FIELDS[1]]), INVALID, "OK"
    ),
    _commit(
        "wider", "makes an int a long, which old readers cannot read", avro(fields=[FIELDS[0], WIDER]), INVALID, "OK"
    ),
    _commit("proto-added", "adds a Protocol Buffer field", proto(MORE), "OK", UNIMPLEMENTED),
    _commit("proto-type", "changes the type of a Protocol Buffer field", proto(OTHER), INVALID, UNIMPLEMENTED),
    _commit("kind", "makes it a Protocol Buffer schema", proto(), INVALID, UNIMPLEMENTED),
    _commit("bad", "is no Avro definition", {"type_": "AVRO", "definition": "{"}, INVALID),
    Case(
        "revision-limit", "20 commits, which make 21 revisions", _revision_limit, Refused("RESOURCE_EXHAUSTED"), QUOTAS
    ),
    Case(
        "rolled-back",
        "RollbackSchema: is the revision id new, and the definition the old? revisions",
        _rolled_back,
        (True, True, 3),
        reference("SchemaService.RollbackSchema"),
    ),
    Case(
        "rollback-missing",
        "RollbackSchema to a revision that does not exist",
        _rollback_missing,
        NOT_FOUND,
        UNDOCUMENTED,
    ),
    Case(
        "revision-deleted",
        "DeleteSchemaRevision of the first of two: is the other left?",
        _revision_deleted,
        [True],
        reference("SchemaService.DeleteSchemaRevision"),
    ),
    Case("only-revision", "DeleteSchemaRevision of the only one", _only_revision_deleted, INVALID, SCHEMA_REVISIONS),
]
