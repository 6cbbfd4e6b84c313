"""google.iam.v1.IAMPolicy, for topics, subscriptions, snapshots and schemas.

Policies are kept and given back; nobody is refused anything because of one, as whoever reaches this broker owns it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import grpc

from pubsubctl.emulator.embedded.changes import Changes
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.names import check
from pubsubctl.emulator.embedded.protocol import message_class
from pubsubctl.emulator.embedded.status import Refusal, invalid, not_found

PACKAGE = "google.iam.v1"

Policy = message_class(f"{PACKAGE}.Policy")
TestIamPermissionsResponse = message_class(f"{PACKAGE}.TestIamPermissionsResponse")

# What may be asked about each kind of resource (cloud.google.com/pubsub/docs/access-control#required_permissions).
_OPERATIONS = {
    "topics": (
        *("attachSubscription", "delete", "detachSubscription", "get", "getIamPolicy", "publish", "setIamPolicy"),
        *("update", "updateTag"),
    ),
    "subscriptions": ("consume", "delete", "get", "getIamPolicy", "setIamPolicy", "update"),
    "snapshots": ("delete", "get", "getIamPolicy", "seek", "setIamPolicy", "update"),
    "schemas": (
        *("attach", "commit", "delete", "get", "getIamPolicy", "listRevisions", "rollback", "setIamPolicy"),
        "validate",
    ),
}
PERMISSIONS = {
    kind: frozenset(f"pubsub.{kind}.{operation}" for operation in operations)
    for kind, operations in _OPERATIONS.items()
}

NO_POLICY_ETAG = b"\x00\x20\x01"
VERSIONS = {0, 1, 3}
CONDITIONAL_VERSION = 3
EVERYBODY = {"allUsers", "allAuthenticatedUsers"}


class Policies:
    """The RPCs, named as in the API in snake case, and the policies, in memory as in the log."""

    def __init__(self, log: Log, changes: Changes, exists: Callable[[str], bool]) -> None:
        """Restore what is in the log.

        Args:
            log: where they are kept.
            changes: makes changes, one at a time.
            exists: whether there is a resource of that name.
        """
        rows = log.rows("SELECT resource, content FROM policies")
        self._policies = {resource: Policy.FromString(content) for resource, content in rows}
        self._changes = changes
        self._exists = exists

    async def get_iam_policy(self, request: Any, _context: Any) -> Any:
        """A resource's policy; an empty one if none was set."""
        _check_version(request.options.requested_policy_version)
        self._check_exists(request.resource)
        return self._policy(request.resource)

    async def set_iam_policy(self, request: Any, _context: Any) -> Any:
        """Replace a resource's policy, if it still is the one that the etag was given with."""
        _check_policy(request.policy)

        async def replace() -> Any:
            self._check_exists(request.resource)
            policy = _replaced(self._policy(request.resource), request)
            await self._changes.write(
                "INSERT OR REPLACE INTO policies (resource, content) VALUES (?, ?)",
                (request.resource, policy.SerializeToString()),
            )
            self._policies[request.resource] = policy
            return policy

        return await self._changes.make(replace())

    async def test_iam_permissions(self, request: Any, _context: Any) -> Any:  # noqa: PT019 - no test
        """Which of some permissions the caller has: all of them, on a resource that exists."""
        possible = PERMISSIONS[_kind(request.resource)]
        for permission in request.permissions:
            if permission not in possible:
                raise invalid(f"Permission {permission} is not valid for this resource. (permissions)")
        held = request.permissions if self._exists(request.resource) else []
        return TestIamPermissionsResponse(permissions=held)

    def forget(self, resource: str) -> None:
        """Drop a resource's policy, with the deletion of the resource that is written next."""
        if resource in self._policies:
            statement = "DELETE FROM policies WHERE resource = ?"
            self._changes.also(statement, (resource,), then=lambda: self._policies.pop(resource, None))

    def _policy(self, resource: str) -> Any:
        return self._policies.get(resource) or Policy(etag=NO_POLICY_ETAG)

    def _check_exists(self, resource: str) -> None:
        _kind(resource)
        if not self._exists(resource):
            raise not_found(f"Resource not found (resource={resource})")


def _kind(resource: str) -> str:
    """The collection that a resource's name is of; the name is checked."""
    kind = "/".join(resource.split("/")[2:3])
    if kind not in PERMISSIONS:
        raise invalid(f"Not a topic, subscription, snapshot or schema (resource={resource})")
    check(kind, resource)
    return kind


def _replaced(current: Any, request: Any) -> Any:
    """The current policy with what the request's mask names replaced: the bindings, if it names nothing."""
    if request.policy.etag and request.policy.etag != current.etag:
        raise Refusal(
            grpc.StatusCode.ABORTED,
            "The policy was changed since it was read; read it again and change what it is now (policy.etag)",
        )
    policy = Policy()
    policy.CopyFrom(current)
    for path in set(request.update_mask.paths or ["bindings"]) - {"etag", "version"}:
        if path not in {"bindings", "audit_configs"}:
            raise invalid(f"{path} is no field of a policy that can be set (update_mask)")
        policy.ClearField(path)
        getattr(policy, path).MergeFrom(getattr(request.policy, path))
    policy.version = CONDITIONAL_VERSION if _is_conditional(policy) else 1
    policy.etag = secrets.token_bytes(8)
    return policy


def _check_policy(policy: Any) -> None:
    _check_version(policy.version)
    if _is_conditional(policy) and policy.version != CONDITIONAL_VERSION:
        raise invalid(f"A policy with conditions has the version {CONDITIONAL_VERSION} (policy.version)")
    for binding in policy.bindings:
        if not binding.role.startswith(("roles/", "projects/", "organizations/")):
            raise invalid(f"Role {binding.role} is not supported for this resource. (policy.bindings.role)")
        for member in binding.members:
            if member not in EVERYBODY and not all(member.partition(":")):
                raise invalid(f"{member} is neither TYPE:ID nor {' nor '.join(sorted(EVERYBODY))} (members)")


def _check_version(version: int) -> None:
    if version not in VERSIONS:
        raise invalid(f"A policy's version is one of {', '.join(map(str, sorted(VERSIONS)))}, not {version}")


def _is_conditional(policy: Any) -> bool:
    return any(binding.HasField("condition") for binding in policy.bindings)
