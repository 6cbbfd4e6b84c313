"""Who may ask: whoever shows the token, in a header field and nowhere else.

Where there is no token, everybody on this machine may, but for the pages of other sites that somebody here looks at:
a browser says of their requests where they come from, and asks by the name that the page knows.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Request, Response

from pubsubctl.gateway import cors, hosts
from pubsubctl.gateway.problems import problem
from pubsubctl.gateway.terms import Terms

OWN_FIELD = "pubsubctl-token"
"""The field for clients whose Authorization is for the application."""
_REALM = 'Bearer realm="pubsubctl"'


def refusal(request: Request, terms: Terms) -> Response | None:
    """The refusal of a request that may not be made, None for one that may."""
    return _of_stranger(request, terms) if terms.token is None else _without_token(request, terms.token)


def _of_stranger(request: Request, terms: Terms) -> Response | None:
    if terms.hosts is not None and not hosts.is_ours(request.host, terms.hosts):
        return problem(
            403,
            "this gateway asks for no token, so it answers only to names of its own machine; ask for such a one, or "
            "start it with a token, or with --host and the name",
        )
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if cors.allowed(request, terms.cors_origins) or (origin is None and site in {None, "none", "same-origin"}):
        return None
    if origin is not None and urlsplit(origin).netloc == request.host:
        return None
    return problem(403, "a page of another site may not ask; start the gateway with --cors-origin if it is to")


def _without_token(request: Request, token: str) -> Response | None:
    shown = request.headers.get(OWN_FIELD) or bearer(request.headers.get("Authorization", ""))
    if shown is None:
        return problem(
            401,
            "this gateway asks for its token: send it as 'Authorization: Bearer TOKEN', or as 'Pubsubctl-Token: TOKEN' "
            "where Authorization is for the application",
            headers={"WWW-Authenticate": _REALM},
        )
    if not same(shown, token):
        headers = {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}
        return problem(401, "the token is another one", headers=headers)
    return None


def same(shown: str, token: str) -> bool:
    """Whether a token is the one; how long that takes says nothing about it."""
    first, second = (hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (shown, token))
    return hmac.compare_digest(first, second)


def bearer(value: str) -> str | None:
    """The token in the value of an Authorization field, or None."""
    scheme, _, shown = value.partition(" ")
    return shown.strip() if scheme.lower() == "bearer" and shown.strip() else None
