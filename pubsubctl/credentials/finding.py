"""Finds the credentials that were asked for: of a file, or the application default ones, or acting for another."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import google.auth
from google.auth import (
    _cloud_sdk,
    exceptions,
    impersonated_credentials,
)
from google.auth.credentials import with_scopes_if_required

from pubsubctl.credentials.asked import KEY_VARIABLE, Asked
from pubsubctl.credentials.found import Found
from pubsubctl.credentials.troubles import told
from pubsubctl.errors import InvalidSetting

_EVERYTHING = "https://www.googleapis.com/auth/cloud-platform"
"""What whoever acts for another needs; the other's token has the scope that was asked for."""
_LIFETIME_S = 3600


def find(asked: Asked, scope: str) -> Found:
    """The credentials that were asked for; nobody is asked for a token yet.

    Args:
        asked: which.
        scope: what they are for.

    Raises:
        InvalidSetting: the file that was named cannot be used.
        google.auth.exceptions.GoogleAuthError: there are none, or what there is cannot be used; a ``TransportError``
            where whoever would know is away. Its text is one line that says what mends it.
    """
    scopes = [_EVERYTHING if asked.impersonate else scope]
    try:
        with warnings.catch_warnings():
            # That a user's login is used, which doctor shows; that a file may be anybody's, who is the user himself.
            warnings.simplefilter("ignore")
            inner, project = _default(scopes) if asked.file is None else _of_file(asked, scopes)
    except exceptions.TransportError as error:
        raise exceptions.TransportError(told(error, asked, None)) from error
    except (exceptions.GoogleAuthError, ValueError) as error:
        if asked.file is not None:
            raise InvalidSetting(told(error, asked, None)) from error
        raise exceptions.DefaultCredentialsError(told(error, asked, None)) from error
    if asked.impersonate:
        inner = impersonated_credentials.Credentials(
            source_credentials=inner,
            target_principal=asked.impersonate,
            target_scopes=[scope],
            lifetime=_LIFETIME_S,
        )
    return Found(inner, asked, project)


def _default(scopes: list[str]) -> tuple[Any, str | None]:
    """As Google's library finds them, without starting gcloud to be told of a project that nobody asks for."""
    path = Path(_cloud_sdk.get_application_default_credentials_path())
    if os.environ.get(KEY_VARIABLE) or not path.is_file():
        found: tuple[Any, str | None] = google.auth.default(scopes=scopes)
        return found
    quota = os.environ.get("GOOGLE_CLOUD_QUOTA_PROJECT")
    inner, project = google.auth.load_credentials_from_file(str(path), quota_project_id=quota)
    inner._cred_file_path = str(path)  # noqa: SLF001 - as Google's own loader has it; it is only told
    return with_scopes_if_required(inner, scopes), project


def _of_file(asked: Asked, scopes: list[str]) -> tuple[Any, str | None]:
    inner, project = google.auth.load_credentials_from_dict(_content(asked))
    inner = with_scopes_if_required(inner, scopes)
    inner._cred_file_path = asked.file  # noqa: SLF001 - as above
    return inner, project


def _content(asked: Asked) -> Any:
    assert asked.file is not None
    try:
        content = json.loads(Path(asked.file).read_text(encoding="utf-8"))
    except OSError as error:
        raise exceptions.DefaultCredentialsError(f"it cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise exceptions.DefaultCredentialsError(f"it is no JSON: {error}") from None
    if not isinstance(content, dict) or "type" not in content:
        raise exceptions.DefaultCredentialsError('it is JSON, but no credentials: it has no "type"')
    return content
