"""Why the cloud refuses a call, and the command that mends it: what Google tells beside the status, or in its words.

What is told beside it are reasons of google.rpc.ErrorInfo:
https://cloud.google.com/python/docs/reference/googleapis-common-protos, error_reason.proto.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from google.api_core import exceptions as api

from pubsubctl.credentials.identity import Identity

_SERVICE = "pubsub.googleapis.com"
_GONE_ACCOUNT = frozenset({"ACCOUNT_STATE_INVALID"})
_BAD_TOKEN = frozenset({"ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_TYPE_UNSUPPORTED", "CREDENTIALS_MISSING"})
_NO_PROJECT = frozenset({"CONSUMER_INVALID", "USER_PROJECT_DENIED", "PROJECT_NOT_FOUND"})
_RESOURCE = re.compile(
    r"projects/(?P<project>[^/\s]+)(?:/(?P<kind>topics|subscriptions|snapshots|schemas)/(?P<name>[^/\s]+))?"
)

ROLES: Mapping[str, str] = {
    "pubsub.topics.publish": "roles/pubsub.publisher",
    "pubsub.subscriptions.consume": "roles/pubsub.subscriber",
    "pubsub.topics.attachSubscription": "roles/pubsub.subscriber",
    "pubsub.snapshots.seek": "roles/pubsub.subscriber",
    "pubsub.topics.get": "roles/pubsub.viewer",
    "pubsub.topics.list": "roles/pubsub.viewer",
    "pubsub.subscriptions.get": "roles/pubsub.viewer",
    "pubsub.subscriptions.list": "roles/pubsub.viewer",
    "pubsub.snapshots.get": "roles/pubsub.viewer",
    "pubsub.snapshots.list": "roles/pubsub.viewer",
    "pubsub.schemas.get": "roles/pubsub.viewer",
    "pubsub.schemas.list": "roles/pubsub.viewer",
}
"""The smallest role that has a permission."""
_CHANGES = "roles/pubsub.editor"
"""That of all others, but for policies."""
_GOVERNS = "roles/pubsub.admin"


@dataclass(frozen=True)
class Refused:
    """What is known of a refused call.

    Attributes:
        words: Google's own.
        reason: of its ErrorInfo, or nothing.
        about: what that tells, by name.
        identity: who asked.
    """

    words: str
    reason: str
    about: Mapping[str, str]
    identity: Identity | None

    @property
    def who(self) -> str:
        """Who asked, as people are told."""
        return (self.identity.principal if self.identity else None) or "your login"

    @property
    def member(self) -> str:
        """Who asked, as bindings name it."""
        return self.identity.member if self.identity else "user:YOUR-EMAIL"

    @property
    def project(self) -> str:
        """The project that was asked, where that was told."""
        return self.about.get("consumer", "").removeprefix("projects/") or "PROJECT"


def explained(error: api.GoogleAPICallError, words: str, identity: Identity | None) -> str | None:
    """One line for a refusal that has to do with who asks, and for what project; None for any other.

    Args:
        error: the refusal.
        words: its first line.
        identity: who asked.
    """
    refused = Refused(words, error.reason or "", dict(error.metadata or {}), identity)
    if isinstance(error, api.ResourceExhausted):
        return _quota(refused)
    if isinstance(error, api.NotFound):
        return _no_project(refused) if "project not found" in words.lower() else None
    if isinstance(error, api.Unauthenticated):
        return _unknown(refused)
    if isinstance(error, api.PermissionDenied):
        return _denied(refused)
    return None


def is_of_one_call(error: api.PermissionDenied) -> bool:
    """Whether a permission is missing that this call needs, and nothing that any call would."""
    reason, words = error.reason or "", str(error)
    whole = reason in _NO_PROJECT or reason in {"SERVICE_DISABLED", "BILLING_DISABLED"}
    return not whole and "has not been used in project" not in words


def grant(permission: str, resource: str, member: str) -> str:
    """The command of gcloud that grants the smallest role with a permission on one resource, or on its project."""
    role = _GOVERNS if permission.endswith("IamPolicy") else ROLES.get(permission, _CHANGES)
    return binding(resource, member, role)


def binding(resource: str, member: str, role: str) -> str:
    """The command of gcloud that gives a member a role on one resource, or on its project."""
    found = _RESOURCE.search(resource)
    project = found["project"] if found else "PROJECT"
    if found and found["kind"] in {"topics", "subscriptions"}:
        where = f"gcloud pubsub {found['kind']} add-iam-policy-binding {found['name']} --project={project}"
    else:
        where = f"gcloud projects add-iam-policy-binding {project}"
    shown = f'"{member}"' if "$(" in member else member
    return f"{where} --member={shown} --role={role}"


def _denied(refused: Refused) -> str:
    text = refused.words
    if refused.reason == "SERVICE_DISABLED" or "has not been used in project" in text:
        named = re.search(r"in project (\S+)", text)
        project = refused.project if refused.project != "PROJECT" else named[1] if named else "PROJECT"
        return (
            f"the Pub/Sub API is not enabled in project {project}; run `gcloud services enable {_SERVICE} "
            f"--project={project}`, and wait a minute"
        )
    if refused.reason == "BILLING_DISABLED":
        project = refused.project
        return f"project {project} has no billing account; see `gcloud billing projects describe {project}`"
    if refused.reason in _NO_PROJECT:
        return _no_project(refused)
    permission, resource = refused.about.get("permission"), refused.about.get("resource", "")
    if permission:
        on = f" on {resource}" if resource else ""
        return f"{refused.who} may not {permission}{on}; run `{grant(permission, resource, refused.member)}`"
    return f"{refused.who} may not do this ({text}); `pubsubctl doctor` tells which permissions are missing"


def _unknown(refused: Refused) -> str:
    if refused.reason in _GONE_ACCOUNT:
        return f"{refused.who} is disabled or deleted; see `gcloud iam service-accounts list`"
    if refused.reason in _BAD_TOKEN:
        return (
            f"the token of {refused.who} is not taken ({refused.words}); `pubsubctl doctor` shows where it comes from"
        )
    return f"Pub/Sub does not know who asks ({refused.words}); `pubsubctl doctor` shows whose credentials are used"


def _no_project(refused: Refused) -> str:
    named = re.search(r"\(project=([^)]+)\)", refused.words)
    project = named[1] if named else refused.project
    return (
        f"there is no project {project}, or {refused.who} may not see it; give its id, not its name, as "
        "`gcloud projects list` shows it, with --project"
    )


def _quota(refused: Refused) -> str | None:
    metric = refused.about.get("quota_metric") or refused.about.get("quota_limit")
    if not metric:
        return None
    project = refused.project
    return (
        f"the quota {metric} of project {project} is used up; it is tried again, and more can be had at "
        f"https://console.cloud.google.com/iam-admin/quotas?service={_SERVICE}&project={project}"
    )
