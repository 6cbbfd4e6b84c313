"""Whose credentials are used, and where they came from, as people may be told."""

from dataclasses import dataclass
from typing import Any

from pubsubctl.credentials.asked import Asked

_KINDS = {
    "google.oauth2.service_account": "the key of a service account",
    "google.oauth2.credentials": "a user's login",
    "google.oauth2.gdch_credentials": "a service account of GDCH",
    "google.auth.compute_engine.credentials": "the service account of this machine",
    "google.auth.impersonated_credentials": "impersonation",
    "google.auth.identity_pool": "workload identity federation",
    "google.auth.aws": "workload identity federation",
    "google.auth.pluggable": "workload identity federation",
    "google.auth.external_account_authorized_user": "workforce identity federation",
}
_ACCOUNT = ".gserviceaccount.com"


@dataclass(frozen=True)
class Identity:
    """Who acts.

    Attributes:
        principal: an e-mail address; None where the credentials do not tell, as a user's login may not.
        kind: how it is known to be that one.
        source: where the credentials came from.
        project: the project that they belong to, where they say so.
        via: who acts for the principal, where it is impersonated.
    """

    principal: str | None
    kind: str
    source: str
    project: str | None = None
    via: str | None = None

    @property
    def member(self) -> str:
        """As IAM's bindings name it."""
        if self.principal is None:
            return "user:YOUR-EMAIL"
        kind = "serviceAccount" if self.principal.endswith(_ACCOUNT) else "user"
        return f"{kind}:{self.principal}"


def identity_of(credentials: Any, asked: Asked, project: str | None) -> Identity:
    """Whose they are; nobody is asked."""
    source = f"{asked.file} (from {asked.source})" if asked.file else _source(credentials)
    kind = _KINDS.get(type(credentials).__module__, type(credentials).__name__)
    if asked.impersonate:
        inner = credentials._source_credentials  # noqa: SLF001 - there is no other way to it
        return Identity(asked.impersonate, kind, source, project, via=_principal(inner) or "your login")
    return Identity(_principal(credentials), kind, source, project)


def _principal(credentials: Any) -> str | None:
    for name in ("service_account_email", "account"):
        found = getattr(credentials, name, None)
        if found and found != "default":
            return str(found)
    return None


def _source(credentials: Any) -> str:
    told = credentials.get_cred_info() or {}
    return str(told.get("credential_source") or "application default credentials")
