"""The REST API: snapshots, seek, detach, push, schemas and policies over plain HTTP."""

import base64
import json
from typing import Any

from harness.case import Case
from harness.kit import Kit

from cases.rest import ERRORS, INVALID, METHODS, NOT_FOUND, subscription, topic
from cases.rest_messages import published, pulled

UNIMPLEMENTED = "501 UNIMPLEMENTED"
AVRO = {"type": "AVRO", "definition": json.dumps({"type": "record", "name": "R", "fields": []})}
BINDING = {"role": "roles/pubsub.editor", "members": ["user:a@example.com"]}


def _snapshot(kit: Kit) -> tuple[str, str]:
    """The paths of a subscription with a message, and of a snapshot of it."""
    path = published(kit)
    snapshot = f"/v1/projects/{kit.project}/snapshots/rest"
    kit.web.request("PUT", snapshot, {"subscription": path.removeprefix("/v1/")})
    return path, snapshot


def _described(kit: Kit) -> Any:
    got = kit.web.request("GET", _snapshot(kit)[1]).json
    return got["name"].rsplit("/", 1)[1], got["expireTime"][-1]


def _listed(kit: Kit) -> int:
    _snapshot(kit)
    return len(kit.web.request("GET", f"/v1/projects/{kit.project}/snapshots").json["snapshots"])


def _of_topic(kit: Kit) -> int:
    _snapshot(kit)
    return len(kit.web.request("GET", f"/v1/projects/{kit.project}/topics/rest/snapshots").json["snapshots"])


def _patched(kit: Kit) -> Any:
    _, path = _snapshot(kit)
    body = {"snapshot": {"name": path.removeprefix("/v1/"), "labels": {"a": "b"}}, "updateMask": "labels"}
    response = kit.web.request("PATCH", path, body)
    return response.json["labels"] if response.status == 200 else response.outcome


def _sought(kit: Kit) -> int:
    path, snapshot = _snapshot(kit)
    ids = [one["ackId"] for one in pulled(kit, path)]
    kit.web.request("POST", f"{path}:acknowledge", {"ackIds": ids})
    kit.web.request("POST", f"{path}:seek", {"snapshot": snapshot.removeprefix("/v1/")})
    return len(pulled(kit, path))


def _purged(kit: Kit) -> Any:
    path = published(kit)
    response = kit.web.request("POST", f"{path}:seek", {"time": "2100-01-01T00:00:00.5Z"})
    return response.status, response.json, pulled(kit, path)


def _bad_time(kit: Kit) -> Any:
    return kit.web.request("POST", f"{subscription(kit)[1]}:seek", {"time": "yesterday"}).outcome


def _deleted(kit: Kit) -> Any:
    _, path = _snapshot(kit)
    return kit.web.request("DELETE", path).outcome, kit.web.request("GET", path).outcome


def _detached(kit: Kit) -> Any:
    _, path = subscription(kit)
    response = kit.web.request("POST", f"{path}:detach")
    return response.outcome, kit.web.request("GET", path).json.get("detached", False)


def _push(kit: Kit) -> str:
    endpoint = kit.endpoint()
    path = published(kit)
    kit.web.request("POST", f"{path}:modifyPushConfig", {"pushConfig": {"pushEndpoint": endpoint.url}})
    return base64.b64decode(endpoint.wait_for(1)[0].json["message"]["data"]).decode()


def _schema(kit: Kit) -> str:
    """The path of a schema."""
    kit.web.request("POST", f"/v1/projects/{kit.project}/schemas?schemaId=rest", AVRO)
    return f"/v1/projects/{kit.project}/schemas/rest"


def _schema_described(kit: Kit) -> Any:
    got = kit.web.request("GET", _schema(kit) + "?view=FULL").json
    return got["type"], got["definition"] == AVRO["definition"], len(got["revisionId"])


def _schema_basic(kit: Kit) -> bool:
    return "definition" in kit.web.request("GET", _schema(kit) + "?view=BASIC").json


def _schemas_listed(kit: Kit) -> int:
    _schema(kit)
    return len(kit.web.request("GET", f"/v1/projects/{kit.project}/schemas").json["schemas"])


def _of_schema(id_: str, what: str, verb: str, body: Any, documented: object) -> Case:
    def run(kit: Kit) -> Any:
        path = _schema(kit)
        named = {**body, "name": path.removeprefix("/v1/")} if "name" in body else body
        target = path.rsplit("/", 1)[0] if verb.startswith(":validate") else path
        return kit.web.request("POST", target + verb, named).outcome

    return Case(f"schema-{id_}", f"POST {verb} {what}", run, documented, METHODS)


def _revisions(kit: Kit) -> int:
    path = _schema(kit)
    field = {"name": "q", "type": ["null", "string"], "default": None}
    definition = json.dumps({"type": "record", "name": "R", "fields": [field]})
    committed = {"name": path.removeprefix("/v1/"), "type": "AVRO", "definition": definition}
    kit.web.request("POST", f"{path}:commit", {"schema": committed})
    return len(kit.web.request("GET", f"{path}:listRevisions").json["schemas"])


def _schema_deleted(kit: Kit) -> Any:
    path = _schema(kit)
    return kit.web.request("DELETE", path).outcome, kit.web.request("GET", path).outcome


def _policy(kit: Kit) -> Any:
    path = topic(kit)
    response = kit.web.request("POST", f"{path}:setIamPolicy", {"policy": {"bindings": [BINDING]}})
    if response.status != 200:
        return response.outcome
    return kit.web.request("GET", f"{path}:getIamPolicy").json["bindings"][0]["members"]


def _permissions(kit: Kit) -> Any:
    body = {"permissions": ["pubsub.topics.publish"]}
    response = kit.web.request("POST", f"{topic(kit)}:testIamPermissions", body)
    return response.json["permissions"] if response.status == 200 else response.outcome


GOOD = base64.b64encode(b"{}").decode()

CASES = [
    Case("snapshot", "GET of a snapshot: its id, and the zone of its expiry", _described, ("rest", "Z"), METHODS),
    Case("snapshots", "GET of the snapshots of a project: how many", _listed, 1, METHODS),
    Case("snapshots-of-topic", "GET of the snapshots of a topic: how many", _of_topic, 1, METHODS),
    Case("snapshot-patched", "PATCH of a snapshot: its labels", _patched, {"a": "b"}, METHODS, google=UNIMPLEMENTED),
    Case("snapshot-deleted", "DELETE of a snapshot, and a GET then", _deleted, ("200", NOT_FOUND), METHODS),
    Case("seek-snapshot", "POST :seek to a snapshot: messages that come again", _sought, 1, METHODS),
    Case("seek-time", "POST :seek to a time to come: status, body, and what is left", _purged, (200, {}, []), METHODS),
    Case("seek-bad-time", "POST :seek to a time that is none", _bad_time, INVALID, ERRORS),
    Case(
        "detach",
        "POST :detach; is it detached then?",
        _detached,
        ("200", True),
        METHODS,
        google=(UNIMPLEMENTED, False),
    ),
    Case("push", "POST :modifyPushConfig to an endpoint: what is pushed", _push, "hello", METHODS),
    Case(
        "schema",
        "GET of a schema: type, is the definition as it was? length of the revision id",
        _schema_described,
        ("AVRO", True, 8),
        METHODS,
    ),
    Case(
        "schema-basic",
        "GET of a schema with view=BASIC: is the definition there?",
        _schema_basic,
        documented=False,
        source=METHODS,
    ),
    Case("schemas", "GET of the schemas of a project: how many", _schemas_listed, 1, METHODS),
    _of_schema("validate", "of a schema", ":validate", {"schema": AVRO}, "200"),
    _of_schema(
        "validate-bad",
        "of a schema that is none",
        ":validate",
        {"schema": {"type": "AVRO", "definition": "{"}},
        INVALID,
    ),
    _of_schema("message", "of a message", ":validateMessage", {"name": "", "message": GOOD, "encoding": "JSON"}, "200"),
    _of_schema(
        "message-bad",
        "of a message that is invalid",
        ":validateMessage",
        {"name": "", "message": "bm8=", "encoding": "JSON"},
        INVALID,
    ),
    _of_schema("rollback", "to a revision that does not exist", ":rollback", {"revisionId": "00000000"}, NOT_FOUND),
    Case("schema-revisions", "GET :listRevisions after POST :commit: how many", _revisions, 2, METHODS),
    Case("schema-deleted", "DELETE of a schema, and a GET then", _schema_deleted, ("200", NOT_FOUND), METHODS),
    Case(
        "policy",
        "POST :setIamPolicy, and the members of the role in GET :getIamPolicy",
        _policy,
        BINDING["members"],
        METHODS,
        google=UNIMPLEMENTED,
    ),
    Case(
        "permissions",
        "POST :testIamPermissions",
        _permissions,
        ["pubsub.topics.publish"],
        METHODS,
        google=UNIMPLEMENTED,
    ),
]
