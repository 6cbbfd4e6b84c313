"""IAM: the policies of resources, and permissions."""

from typing import Any

from harness.case import Case
from harness.expected import Refused
from harness.kit import Kit
from harness.sources import IAM

UNIMPLEMENTED = Refused("UNIMPLEMENTED")
NO_NAME = Refused("INVALID_ARGUMENT", "Invalid [topics, subscriptions] name")
BINDING = {"role": "roles/pubsub.editor", "members": ["user:a@example.com"]}
BOUND = ["roles/pubsub.editor: user:a@example.com"]


def _made(kit: Kit, collection: str) -> str:
    """A resource of that collection."""
    if collection == "topics":
        return kit.topic()
    subscription = kit.subscription()
    if collection == "subscriptions":
        return subscription
    return kit.call("CreateSnapshot", name=kit.name("snapshots"), subscription=subscription).name


def _bindings(policy: Any) -> list[str]:
    return [f"{one.role}: {', '.join(one.members)}" for one in policy.bindings]


def _of_each(collection: str, permission: str, google: object) -> list[Case]:
    def unset(kit: Kit) -> list[Any]:
        return _bindings(kit.call("GetIamPolicy", resource=_made(kit, collection)))

    def kept(kit: Kit) -> list[Any]:
        resource = _made(kit, collection)
        kit.call("SetIamPolicy", resource=resource, policy={"bindings": [BINDING]})
        return _bindings(kit.call("GetIamPolicy", resource=resource))

    def permissions(kit: Kit) -> list[str]:
        return list(
            kit.call("TestIamPermissions", resource=_made(kit, collection), permissions=[permission]).permissions
        )

    def missing(kit: Kit) -> str:
        return kit.ok("GetIamPolicy", resource=kit.name(collection))

    one = collection[:-1]
    return [
        Case(f"{one}-unset", f"GetIamPolicy of a new {one}: bindings", unset, [], IAM, google=google),
        Case(f"{one}-kept", f"GetIamPolicy of a {one} after SetIamPolicy", kept, BOUND, IAM, google=google),
        Case(
            f"{one}-test",
            f"TestIamPermissions of a {one}, without credentials",
            permissions,
            [permission],
            IAM,
            google=google,
        ),
        Case(
            f"{one}-missing",
            f"GetIamPolicy of a {one} that does not exist",
            missing,
            Refused("NOT_FOUND"),
            IAM,
            google=google,
        ),
    ]


def _set_missing(kit: Kit) -> str:
    return kit.ok("SetIamPolicy", resource=kit.name("topics"), policy={"bindings": [BINDING]})


def _test_missing(kit: Kit) -> list[str]:
    request = {"resource": kit.name("topics"), "permissions": ["pubsub.topics.get"]}
    return list(kit.call("TestIamPermissions", **request).permissions)


def _wildcard(kit: Kit) -> str:
    return kit.ok("TestIamPermissions", resource=kit.topic(), permissions=["pubsub.*"])


def _bad_name(kit: Kit) -> str:
    return kit.ok("GetIamPolicy", resource="nonsense")


def _stale(kit: Kit) -> str:
    """Two read, both write: the second one's etag is no longer that of the policy."""
    topic = kit.topic()
    etag = kit.call("SetIamPolicy", resource=topic, policy={"bindings": [BINDING]}).etag
    kit.call("SetIamPolicy", resource=topic, policy={"bindings": [], "etag": etag})
    return kit.ok("SetIamPolicy", resource=topic, policy={"bindings": [BINDING], "etag": etag})


def _made_again(kit: Kit) -> list[Any]:
    topic = kit.topic()
    kit.call("SetIamPolicy", resource=topic, policy={"bindings": [BINDING]})
    kit.call("DeleteTopic", topic=topic)
    kit.call("CreateTopic", name=topic)
    return _bindings(kit.call("GetIamPolicy", resource=topic))


def _etag(kit: Kit) -> bool:
    return bool(kit.call("GetIamPolicy", resource=kit.topic()).etag)


def _schema(kit: Kit) -> list[Any]:
    schema = {"type_": "AVRO", "definition": '{"type": "record", "name": "R", "fields": []}'}
    name = kit.call("CreateSchema", parent=f"projects/{kit.project}", schema_id="schema-1", schema=schema).name
    kit.call("SetIamPolicy", resource=name, policy={"bindings": [BINDING]})
    return _bindings(kit.call("GetIamPolicy", resource=name))


CASES = [
    *_of_each("topics", "pubsub.topics.publish", UNIMPLEMENTED),
    *_of_each("subscriptions", "pubsub.subscriptions.consume", UNIMPLEMENTED),
    *_of_each("snapshots", "pubsub.snapshots.seek", NO_NAME),
    Case(
        "schema-kept",
        "GetIamPolicy of a schema after SetIamPolicy",
        _schema,
        BOUND,
        IAM,
        google=NO_NAME,
    ),
    Case(
        "set-missing",
        "SetIamPolicy of a topic that does not exist",
        _set_missing,
        Refused("NOT_FOUND"),
        IAM,
        google=UNIMPLEMENTED,
    ),
    Case(
        "test-missing",
        "TestIamPermissions of a topic that does not exist",
        _test_missing,
        [],
        IAM,
        google=UNIMPLEMENTED,
    ),
    Case(
        "wildcard", "TestIamPermissions of pubsub.*", _wildcard, Refused("INVALID_ARGUMENT"), IAM, google=UNIMPLEMENTED
    ),
    Case("bad-name", "GetIamPolicy of a name that is none", _bad_name, Refused("INVALID_ARGUMENT"), IAM),
    Case("etag", "Has the policy of a new topic an etag?", _etag, documented=True, source=IAM, google=UNIMPLEMENTED),
    Case(
        "stale",
        "SetIamPolicy with the etag of a policy that was replaced",
        _stale,
        Refused("ABORTED"),
        IAM,
        google=UNIMPLEMENTED,
    ),
    Case(
        "made-again",
        "The bindings of a topic made again under the name of a deleted one",
        _made_again,
        [],
        IAM,
        google=UNIMPLEMENTED,
    ),
]
