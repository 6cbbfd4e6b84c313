"""Whose credentials Google's services are asked with."""

from typing import Any

from pubsubctl.errors import InvalidSetting


def credentials(scope: str, file: str | None, impersonate: str | None, *, source: str) -> Any:
    """Those of a service account's file, else the application default credentials; both may act for another account.

    Args:
        scope: what they are for.
        file: the JSON file of a service account.
        impersonate: the service account that is acted for.
        source: where ``file`` was named.

    Raises:
        InvalidSetting: the file cannot be used.
        google.auth.exceptions.GoogleAuthError: there are none.
    """
    import google.auth
    from google.auth import impersonated_credentials
    from google.oauth2 import service_account

    scopes = [scope]
    if file:
        try:
            found = service_account.Credentials.from_service_account_file(file, scopes=scopes)
        except (OSError, ValueError) as error:
            raise InvalidSetting(f"credentials_file {file!r} (from {source}) cannot be used: {error}") from error
    else:
        found, _ = google.auth.default(scopes=scopes)
    if not impersonate:
        return found
    return impersonated_credentials.Credentials(
        source_credentials=found, target_principal=impersonate, target_scopes=scopes
    )
