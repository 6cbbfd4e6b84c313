"""Credentials as every library of Google's takes them, with our words for what is wrong, and a token ahead of time."""

import functools
import json
import logging
import threading
from typing import Any

import google.auth.transport.requests
from google.auth import exceptions
from google.auth.credentials import Credentials, TokenState

from pubsubctl.credentials.asked import Asked
from pubsubctl.credentials.identity import Identity, identity_of
from pubsubctl.credentials.troubles import told

_log = logging.getLogger("pubsubctl.credentials")

_TOKEN_S = 10.0
"""The longest that somebody waits for a token; Google's library would for two minutes."""
_AWAY = frozenset({429, 500, 502, 503, 504})


class Found(Credentials):
    """Credentials that say in one line what is wrong, and what mends it, wherever a token is asked for.

    A token that is good for some minutes yet is used, while the next one is asked for beside: whoever gives tokens may
    be away for so long, and no call waits for him. Any thread may use it.

    Args:
        inner: Google's own.
        asked: what they were asked for by.
        project: the project that they belong to, where they say so.
    """

    def __init__(self, inner: Any, asked: Asked, project: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inner = inner
        self._asked = asked
        self._project = project
        self._renewing = threading.Lock()

    @property
    def identity(self) -> Identity:
        """Whose they are. A machine's own account is known once there has been a token."""
        return identity_of(self._inner, self._asked, self._project)

    @property
    def universe_domain(self) -> str:
        """Which cloud they are of; a machine's own are asked for that.

        Raises:
            google.auth.exceptions.GoogleAuthError: it does not answer.
        """
        try:
            domain: str = self._inner.universe_domain
        except exceptions.GoogleAuthError as error:
            raise self._told(error) from error
        return domain

    def check_universe(self, wanted: str) -> None:
        """Give no token to another cloud than that which these are of.

        Raises:
            google.auth.exceptions.DefaultCredentialsError: they are of another.
        """
        if self.universe_domain != wanted:
            raise exceptions.DefaultCredentialsError(
                f"the credentials of {self.identity.source} are of the universe domain {self.universe_domain}, not of "
                f"{wanted}; name theirs with universe_domain in pubsubctl.toml, or PUBSUBCTL_UNIVERSE_DOMAIN"
            )

    def check(self) -> None:
        """Have a token, so that what is wrong is told at once, and once.

        Raises:
            google.auth.exceptions.RefreshError: they are refused.
            google.auth.exceptions.TransportError: whoever gives tokens is away.
        """
        if not self._inner.valid:
            self.refresh(google.auth.transport.requests.Request())

    def refresh(self, request: Any) -> None:
        """See google.auth.credentials.Credentials."""
        try:
            self._inner.refresh(functools.partial(request, timeout=_TOKEN_S))
        except exceptions.GoogleAuthError as error:
            raise self._told(error) from error
        self.token, self.expiry = self._inner.token, self._inner.expiry

    def before_request(self, request: Any, method: str, url: str, headers: Any) -> None:
        """See google.auth.credentials.Credentials."""
        if self._inner.token_state is TokenState.STALE:
            self._renew_beside(request)
            self._inner.apply(headers)
            return
        try:
            self._inner.before_request(functools.partial(request, timeout=_TOKEN_S), method, url, headers)
        except exceptions.GoogleAuthError as error:
            raise self._told(error) from error
        self.token, self.expiry = self._inner.token, self._inner.expiry

    def apply(self, headers: Any, token: str | None = None) -> None:
        """See google.auth.credentials.Credentials."""
        self._inner.apply(headers, token=token)

    def _renew_beside(self, request: Any) -> None:
        if self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renew, args=(request,), name="token", daemon=True).start()

    def _renew(self, request: Any) -> None:
        try:
            self.refresh(request)
        except exceptions.GoogleAuthError as error:
            _log.debug("%s", error)  # who needs one, once this one is over, says so
        finally:
            self._renewing.release()

    def _told(self, error: exceptions.GoogleAuthError) -> exceptions.GoogleAuthError:
        kind = exceptions.TransportError if _is_away(error) else exceptions.RefreshError
        return kind(told(error, self._asked, self.identity))


def _is_away(error: exceptions.GoogleAuthError) -> bool:
    """Whether trying again may help."""
    if isinstance(error, exceptions.TransportError) or getattr(error, "retryable", False):
        return True
    return code_of(error) in _AWAY


def code_of(error: Exception) -> int | None:
    """The HTTP status that the service for impersonation answered with, where the error holds its answer."""
    try:
        return int(json.loads(error.args[1])["error"]["code"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None
