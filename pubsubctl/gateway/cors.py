"""Pages of other origins may ask, where the gateway was told so (the Fetch standard's CORS protocol)."""

from flask import Request, Response

from pubsubctl.exchange import METHODS
from pubsubctl.gateway.documents import nothing

ANY = "*"
_EXPOSED = "Idempotency-Key, Link, Location, Preference-Applied, Pubsubctl-Job, Retry-After"
_FRESH_S = 600


def preflight(request: Request, origins: tuple[str, ...]) -> Response | None:
    """The answer to a page that asks whether it may ask; None where that is not what this is."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    if not allowed(request, origins):
        return None
    answer = nothing(Access_Control_Allow_Methods=", ".join(METHODS), Access_Control_Max_Age=str(_FRESH_S))
    if asked := request.headers.get("Access-Control-Request-Headers"):
        answer.headers["Access-Control-Allow-Headers"] = asked
    return answer


def allow(request: Request, response: Response, origins: tuple[str, ...]) -> None:
    """Let the page that asked read the answer. It is never asked for cookies: a token is in a header field."""
    if not origins:
        return
    if ANY not in origins:
        response.headers.add("Vary", "Origin")
    if allowed(request, origins):
        response.headers["Access-Control-Allow-Origin"] = ANY if ANY in origins else request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED


def allowed(request: Request, origins: tuple[str, ...]) -> bool:
    """Whether it comes from a page that may ask."""
    origin = request.headers.get("Origin")
    return origin is not None and (ANY in origins or origin in origins)
