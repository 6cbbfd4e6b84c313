"""The REST APIs of Google that have no library among ours: one call, its answer, and its refusal in one line."""

from typing import TYPE_CHECKING, Any

from google.auth import exceptions as auth

from pubsubctl.errors import AccessDenied, BrokerError, BrokerUnreachable, ResourceNotFound
from pubsubctl.settings import Settings

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT_S = 15.0
_DENIED = (401, 403)
_ROLES = {
    "iam.serviceAccounts.create": "roles/iam.serviceAccountAdmin",
    "iam.serviceAccounts.get": "roles/iam.serviceAccountAdmin",
    "iam.serviceAccountKeys.create": "roles/iam.serviceAccountKeyAdmin",
    "resourcemanager.projects.get": "roles/browser",
}
"""The role for each permission that is needed here."""
_AWAY = (429, 500, 502, 503, 504)


class Conflict(BrokerError):
    """What is to be made is there already."""


class Apis:
    """Calls in the name of whoever asks.

    Args:
        settings: whose credentials, and of which universe.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: AuthorizedSession | None = None

    def call(self, service: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call a method.

        Args:
            service: the first word of its host, such as ``iam``.
            method: of HTTP.
            path: with its version, such as ``v1/projects/p``.
            body: what goes with it.

        Raises:
            BrokerUnreachable: no answer, or one that trying again may better.
            AccessDenied: whoever asks may not do that.
            Conflict: it is there already.
            BrokerError: it refused.
        """
        import requests

        host = f"{service}.{self._settings.universe_domain}"
        try:
            answer = self._authorized().request(method, f"https://{host}/{path}", json=body, timeout=_TIMEOUT_S)
        except auth.TransportError as error:
            raise BrokerUnreachable(str(error)) from error
        except auth.GoogleAuthError as error:
            raise BrokerError(str(error)) from error
        except requests.RequestException as error:
            raise BrokerUnreachable(f"{host} cannot be reached: {type(error).__name__}; see to the network") from error
        if not answer.ok:
            raise _refusal(answer, host, self._settings.project)
        try:
            content: dict[str, Any] = answer.json()
        except ValueError as error:
            raise BrokerUnreachable(f"something else answers for {host}; see to the network, or the proxy") from error
        return content

    def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            self._session.close()

    def _authorized(self) -> "AuthorizedSession":
        if self._session is None:
            from google.auth.transport.requests import AuthorizedSession

            from pubsubctl.credentials.finding import find

            found = find(self._settings.credentials, _SCOPE)
            found.check_universe(self._settings.universe_domain)
            self._session = AuthorizedSession(found)
        return self._session


def _refusal(answer: Any, host: str, project: str) -> BrokerError | BrokerUnreachable:
    try:
        error = answer.json()["error"]
        words, details = str(error["message"]).splitlines()[0].rstrip("."), error.get("details", [])
    except (ValueError, KeyError, TypeError, IndexError):
        words, details = answer.reason, []
    if any(detail.get("reason") == "SERVICE_DISABLED" for detail in details) or "has not been used in" in words:
        return AccessDenied(
            f"the API {host} is not enabled in project {project}; run `gcloud services enable {host} "
            f"--project={project}`, and wait a minute"
        )
    if answer.status_code in _DENIED:
        role = next((role for permission, role in _ROLES.items() if permission in words), None)
        remedy = f"; somebody has to grant {role} on project {project}" if role else ""
        return AccessDenied(f"{host} denies access: {words}{remedy}", is_of_one_call=True)
    if answer.status_code == 404:  # noqa: PLR2004 - https://cloud.google.com/apis/design/errors
        return ResourceNotFound(f"{host}: {words}")
    if answer.status_code in _AWAY:
        return BrokerUnreachable(f"{host} is not available: {words}; try again")
    if answer.status_code == 409:  # noqa: PLR2004 - as above
        return Conflict(words)
    return BrokerError(f"{host} refused: {words}")
