"""A plan for Terraform's provider ``google``. Pure.

https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/pubsub_subscription
"""

from collections.abc import Iterator, Mapping
from typing import Any

from google.pubsub_v1 import types

from pubsubctl.cloud import places
from pubsubctl.cloud.grants import Grant
from pubsubctl.cloud.plan import NUMBER, CloudPlan, project_of
from pubsubctl.cloud.script import seconds
from pubsubctl.names import short


def terraform(plan: CloudPlan) -> Iterator[str]:
    """Line by line."""
    yield from _block('data "google_project" "of"', {"project_id": plan.project})
    if plan.account is not None:
        made = {"project": plan.project, "account_id": plan.account.partition("@")[0], "display_name": "pubsubctl"}
        yield from _block('resource "google_service_account" "account"', made)
    topics = {name: f"topic_{number}" for number, name in enumerate(plan.topics, 1)}
    for name, label in topics.items():
        named = {"project": project_of(name), "name": short(name)}
        yield from _block(f'resource "google_pubsub_topic" "{label}"', named)
    subscriptions = {each.name: f"subscription_{number}" for number, each in enumerate(plan.subscriptions, 1)}
    for each in plan.subscriptions:
        yield from _block(
            f'resource "google_pubsub_subscription" "{subscriptions[each.name]}"', _subscription(each, topics)
        )
    for number, grant in enumerate(plan.grants, 1):
        if places.is_place(grant):
            yield f"# {grant.why}"
            yield from _on_place(grant, f"grant_{number}", _member(grant, plan.account))
            continue
        kind = grant.resource.split("/")[2].removesuffix("s")
        label = (topics if kind == "topic" else subscriptions)[grant.resource]
        yield f"# {grant.why}"
        yield from _block(
            f'resource "google_pubsub_{kind}_iam_member" "grant_{number}"',
            {
                "project": project_of(grant.resource),
                kind: _Raw(f"google_pubsub_{kind}.{label}.name"),
                "role": grant.role,
                "member": _member(grant, plan.account),
            },
        )


def _on_place(grant: Grant, label: str, member: str) -> Iterator[str]:
    to = {"role": grant.role, "member": member}
    if places.is_database(grant):
        only = {"title": "pubsubctl", "expression": places.condition(grant)}
        on = {"project": project_of(grant.resource), **to, "condition": only}
        yield from _block(f'resource "google_project_iam_member" "{label}"', on)
    else:
        on = {"bucket": places.bucket_of(grant), **to}
        yield from _block(f'resource "google_storage_bucket_iam_member" "{label}"', on)


class _Raw(str):
    """An expression, and no text."""

    __slots__ = ()


def _subscription(wanted: types.Subscription, topics: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "project": project_of(wanted.name),
        "name": short(wanted.name),
        "topic": _Raw(f"google_pubsub_topic.{topics[wanted.topic]}.id"),
        "ack_deadline_seconds": wanted.ack_deadline_seconds,
        "message_retention_duration": seconds(wanted.message_retention_duration),
        "expiration_policy": {"ttl": ""},  # never
    }
    if "dead_letter_policy" in wanted:
        policy = wanted.dead_letter_policy
        found["dead_letter_policy"] = {
            "dead_letter_topic": _Raw(f"google_pubsub_topic.{topics[policy.dead_letter_topic]}.id"),
            "max_delivery_attempts": policy.max_delivery_attempts,
        }
    if "retry_policy" in wanted:
        found["retry_policy"] = {
            "minimum_backoff": seconds(wanted.retry_policy.minimum_backoff),
            "maximum_backoff": seconds(wanted.retry_policy.maximum_backoff),
        }
    if wanted.enable_message_ordering:
        found["enable_message_ordering"] = True
    if wanted.enable_exactly_once_delivery:
        found["enable_exactly_once_delivery"] = True
    if wanted.filter:
        found["filter"] = wanted.filter
    return found


def _member(grant: Grant, account: str | None) -> str:
    if account is not None and grant.member == f"serviceAccount:{account}":
        return _Raw("google_service_account.account.member")
    if NUMBER in grant.member:
        return _Raw(f'"{grant.member}"'.replace(NUMBER, "${data.google_project.of.number}"))
    return grant.member


def _block(head: str, arguments: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    yield f"{indent}{head} {{"
    for name, value in arguments.items():
        if isinstance(value, dict):
            yield from _block(name, value, indent + "  ")
        else:
            yield f"{indent}  {name} = {_value(value)}"
    yield f"{indent}}}"
    if not indent:
        yield ""


def _value(value: Any) -> str:
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"{}"'.format(escaped.replace("${", "$${").replace("%{", "%%{"))
