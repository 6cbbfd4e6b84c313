"""A plan as a script of gcloud: what is there stays as it is, so it may be run as often as one likes. Pure."""

import shlex
from collections.abc import Iterator

from google.pubsub_v1 import types

from pubsubctl.cloud import places
from pubsubctl.cloud.grants import Grant
from pubsubctl.cloud.plan import NUMBER, CloudPlan, project_of
from pubsubctl.names import short

_KNOWN = """\
known() {  # a new account is not known everywhere at once
  for pause in 5 10 20 30 0; do
    "$@" >/dev/null && return
    sleep $pause
  done
  return 1
}"""


def script(plan: CloudPlan) -> Iterator[str]:
    """Line by line."""
    yield "set -eu"
    yield from _KNOWN.splitlines()
    if plan.account is not None:
        of = f"--project={shlex.quote(plan.project)}"
        name, account = shlex.quote(plan.account.partition("@")[0]), shlex.quote(plan.account)
        yield (
            f"gcloud iam service-accounts describe {account} {of} >/dev/null 2>&1 ||\n"
            f"  gcloud iam service-accounts create {name} --display-name=pubsubctl {of}"
        )
    for topic in plan.topics:
        yield _unless_there("topics", topic, "")
    for each in plan.subscriptions:
        yield _unless_there("subscriptions", each.name, " ".join(_flags(each)))
    if any(NUMBER in grant.member for grant in plan.grants):
        project = shlex.quote(plan.project)
        yield f"PROJECT_NUMBER=$(gcloud projects describe {project} --format='value(projectNumber)')"
    for grant in plan.grants:
        if not places.is_place(grant):
            yield from _granting(grant)
    if plan.account is not None and plan.key_file is not None:
        yield "umask 077"
        yield (
            f"known gcloud iam service-accounts keys create {shlex.quote(plan.key_file)} "
            f"--iam-account={shlex.quote(plan.account)}"
        )
    for grant in plan.grants:  # last, as they may be for somebody else to grant
        if places.is_place(grant):
            yield from _granting(grant)


def _granting(grant: Grant) -> Iterator[str]:
    yield f"# {grant.why}"
    yield _binding(grant)


def _unless_there(kind: str, name: str, flags: str) -> str:
    which = f"{shlex.quote(short(name))} --project={shlex.quote(project_of(name))}"
    return (
        f"gcloud pubsub {kind} describe {which} >/dev/null 2>&1 ||\n"
        f"  gcloud pubsub {kind} create {which}{' ' if flags else ''}{flags}"
    )


def _binding(grant: Grant) -> str:
    if places.is_place(grant):
        return f"known {places.binding(grant)}"
    which = f"{shlex.quote(short(grant.resource))} --project={shlex.quote(project_of(grant.resource))}"
    kind = grant.resource.split("/")[2]
    # The number alone is for the shell to fill in.
    member = NUMBER.join(shlex.quote(part) for part in grant.member.split(NUMBER))
    return f"known gcloud pubsub {kind} add-iam-policy-binding {which} --member={member} --role={grant.role}"


def _flags(wanted: types.Subscription) -> Iterator[str]:
    yield f"--topic={shlex.quote(wanted.topic)}"
    yield f"--ack-deadline={wanted.ack_deadline_seconds}"
    yield f"--message-retention-duration={seconds(wanted.message_retention_duration)}"
    yield "--expiration-period=never"
    if "dead_letter_policy" in wanted:
        yield f"--dead-letter-topic={shlex.quote(wanted.dead_letter_policy.dead_letter_topic)}"
        yield f"--max-delivery-attempts={wanted.dead_letter_policy.max_delivery_attempts}"
    if "retry_policy" in wanted:
        yield f"--min-retry-delay={seconds(wanted.retry_policy.minimum_backoff)}"
        yield f"--max-retry-delay={seconds(wanted.retry_policy.maximum_backoff)}"
    if wanted.enable_message_ordering:
        yield "--enable-message-ordering"
    if wanted.enable_exactly_once_delivery:
        yield "--enable-exactly-once-delivery"
    if wanted.filter:
        yield f"--message-filter={shlex.quote(wanted.filter)}"


def seconds(duration: "object") -> str:
    """A duration as gcloud and Terraform write it."""
    return f"{duration.total_seconds():.9f}".rstrip("0").rstrip(".") + "s"  # type: ignore[attr-defined]
