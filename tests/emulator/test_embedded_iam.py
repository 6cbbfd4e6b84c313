"""IAM policies in the embedded broker: kept, given back, and never in anybody's way."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from grpc import StatusCode
from schema_kit import Site, refused, run

from pubsubctl.emulator.embedded.iam import PERMISSIONS, Policies
from pubsubctl.emulator.embedded.protocol import message_class

T = TypeVar("T")

TOPIC = "projects/p/topics/orders"
NAMES = {f"projects/p/{kind}/orders" for kind in PERMISSIONS}
EDITORS = {"role": "roles/pubsub.editor", "members": ["user:a@example.com", "allUsers"]}
VIEWERS = {"role": "roles/pubsub.viewer", "members": ["group:b@example.com"]}
CONDITION = {"expression": "request.time < timestamp('2030-01-01T00:00:00Z')", "title": "until 2030"}


def request(rpc: str, **fields: Any) -> Any:
    return message_class(f"google.iam.v1.{rpc}Request")(**fields)


def at_a_broker(path: Path, work: Callable[[Policies], Awaitable[T]]) -> T:
    """Do ``work`` with the policies in ``path``, where ``NAMES`` exist."""
    return run(path, lambda site: work(policies(site)))


def policies(site: Site) -> Policies:
    return Policies(site.log, site.changes, NAMES.__contains__)


async def get(held: Policies, resource: str = TOPIC, version: int = 0) -> Any:
    asked = request("GetIamPolicy", resource=resource, options={"requested_policy_version": version})
    return await held.get_iam_policy(asked, None)


async def replace(held: Policies, resource: str = TOPIC, *, paths: list[str] | None = None, **policy: Any) -> Any:
    asked = request("SetIamPolicy", resource=resource, policy=policy, update_mask={"paths": paths or []})
    return await held.set_iam_policy(asked, None)


async def ask(held: Policies, resource: str, *permissions: str) -> list[str]:
    asked = request("TestIamPermissions", resource=resource, permissions=permissions)
    return list((await held.test_iam_permissions(asked, None)).permissions)


def bindings(policy: Any) -> list[tuple[str, list[str]]]:
    return [(one.role, list(one.members)) for one in policy.bindings]


def test_a_policy_is_there_after_a_restart(tmp_path: Path) -> None:
    async def change(held: Policies) -> Any:
        return await replace(held, bindings=[EDITORS])

    made = at_a_broker(tmp_path, change)
    assert bindings(made) == [(EDITORS["role"], EDITORS["members"])]
    assert made.version == 1
    assert at_a_broker(tmp_path, get) == made


def test_a_resource_without_a_policy_has_an_empty_one(tmp_path: Path) -> None:
    got = at_a_broker(tmp_path, get)
    assert bindings(got) == []
    assert got.etag


def test_a_policy_that_was_changed_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    async def work(held: Policies) -> None:
        unset = await get(held)
        first = await replace(held, bindings=[EDITORS], etag=unset.etag)
        await refused(replace(held, bindings=[VIEWERS], etag=unset.etag), StatusCode.ABORTED, "policy.etag")
        assert await get(held) == first
        second = await replace(held, bindings=[VIEWERS], etag=first.etag)
        assert second.etag != first.etag
        assert bindings(await replace(held, bindings=[])) == []

    at_a_broker(tmp_path, work)


def test_of_changes_made_at_once_with_one_etag_one_is_made(tmp_path: Path) -> None:
    async def work(held: Policies) -> None:
        etag = (await replace(held, bindings=[])).etag
        changes = (replace(held, bindings=[EDITORS], etag=etag) for _ in range(5))
        made = await asyncio.gather(*changes, return_exceptions=True)
        assert sum(isinstance(one, Exception) for one in made) == 4

    at_a_broker(tmp_path, work)


def test_a_mask_says_what_is_replaced(tmp_path: Path) -> None:
    audit = [{"service": "pubsub.googleapis.com", "audit_log_configs": [{"log_type": 1}]}]

    async def work(held: Policies) -> None:
        await replace(held, bindings=[EDITORS], audit_configs=audit)
        assert not (await get(held)).audit_configs
        policy = await replace(held, paths=["audit_configs", "etag"], bindings=[], audit_configs=audit)
        assert bindings(policy) == [(EDITORS["role"], EDITORS["members"])]
        assert [one.service for one in policy.audit_configs] == ["pubsub.googleapis.com"]
        await refused(replace(held, paths=["nope"]), StatusCode.INVALID_ARGUMENT, "nope is no field")

    at_a_broker(tmp_path, work)


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"version": 2}, "one of 0, 1, 3, not 2"),
        ({"bindings": [{**EDITORS, "condition": CONDITION}]}, "A policy with conditions has the version 3"),
        ({"bindings": [{"role": "editor", "members": ["user:a@b.c"]}]}, "Role editor is not supported"),
        ({"bindings": [{**EDITORS, "members": ["somebody"]}]}, "somebody is neither TYPE:ID nor"),
        ({"bindings": [{**EDITORS, "members": ["user:"]}]}, "user: is neither TYPE:ID nor"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(tmp_path: Path, policy: dict[str, Any], text: str) -> None:
    async def work(held: Policies) -> None:
        await refused(replace(held, **policy), StatusCode.INVALID_ARGUMENT, text)
        assert bindings(await get(held)) == []

    at_a_broker(tmp_path, work)


def test_a_policy_with_conditions_has_version_3(tmp_path: Path) -> None:
    async def work(held: Policies) -> None:
        made = await replace(held, version=3, bindings=[{**EDITORS, "condition": CONDITION}])
        assert (made.version, made.bindings[0].condition.title) == (3, "until 2030")
        assert (await replace(held, version=3, bindings=[EDITORS])).version == 1
        await refused(get(held, version=2), StatusCode.INVALID_ARGUMENT, "not 2")

    at_a_broker(tmp_path, work)


@pytest.mark.parametrize("kind", PERMISSIONS)
def test_the_caller_holds_every_permission_of_a_resource(tmp_path: Path, kind: str) -> None:
    async def work(held: Policies) -> None:
        asked = sorted(PERMISSIONS[kind])
        assert await ask(held, f"projects/p/{kind}/orders", *asked) == asked
        assert await ask(held, f"projects/p/{kind}/missing", *asked) == []

    at_a_broker(tmp_path, work)


@pytest.mark.parametrize("permission", ["pubsub.*", "pubsub.subscriptions.consume", "storage.objects.get", ""])
def test_what_is_no_permission_of_a_topic_is_refused(tmp_path: Path, permission: str) -> None:
    async def work(held: Policies) -> None:
        await refused(ask(held, TOPIC, "pubsub.topics.get", permission), StatusCode.INVALID_ARGUMENT, permission)

    at_a_broker(tmp_path, work)


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("projects/p/topics/missing", StatusCode.NOT_FOUND),
        ("projects/p/schemas/missing", StatusCode.NOT_FOUND),
        ("projects/p/topics/x", StatusCode.INVALID_ARGUMENT),
        ("projects/p/jobs/orders", StatusCode.INVALID_ARGUMENT),
        ("projects/p", StatusCode.INVALID_ARGUMENT),
        ("", StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_resource_that_is_not_there_has_no_policy(tmp_path: Path, resource: str, code: StatusCode) -> None:
    async def work(held: Policies) -> None:
        await refused(get(held, resource), code, resource)
        await refused(replace(held, resource, bindings=[EDITORS]), code, resource)

    at_a_broker(tmp_path, work)


def test_a_policy_ends_with_its_resource(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        held = policies(site)
        await replace(held, bindings=[EDITORS])
        held.forget(TOPIC)
        held.forget("projects/p/topics/without")
        await site.changes.write("DELETE FROM topics", ())
        assert bindings(await get(held)) == []
        assert site.log.rows("SELECT * FROM policies") == []

    run(tmp_path, work)
