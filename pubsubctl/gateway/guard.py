"""Who may ask: whoever shows the token, in a header field and nowhere else."""

import hashlib
import hmac

from flask import Request, Response

from pubsubctl.gateway.problems import problem

OWN_FIELD = "pubsubctl-token"
"""The field for clients whose Authorization is for the application."""
_REALM = 'Bearer realm="pubsubctl"'


def refusal(request: Request, token: str | None) -> Response | None:
    """The refusal of a request that does not show the token, None for one that does or needs none."""
    if token is None:
        return None
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
