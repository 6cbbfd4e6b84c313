"""Who may see a page, and what may be done from it.

Every request is looked at before its page is: by which name it was asked for, whether somebody is signed in, and of one
that changes something, whether it came from a page of ours. Every answer says what a browser may do with it.
"""

import re
from urllib.parse import unquote, urlsplit

from flask import Response, g, redirect, request, url_for
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from pubsubctl.gateway.dashboard.board import Board
from pubsubctl.gateway.dashboard.session import COOKIE, LIFETIME_S
from pubsubctl.gateway.hosts import is_ours, split

FORM_TOKEN = "csrf"  # noqa: S105 - the name of a field
_SAFE = ("GET", "HEAD", "OPTIONS")
_OPEN = ("static", "login", "sign_in")
"""What can be had by those who are not signed in."""
_LOCAL = re.compile(r"/[A-Za-z0-9_\-./?=&%*~+:,@]*")
_LONGEST_WAY = 2000
_LARGEST_FORM = 256 << 10

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def admit(board: Board) -> BaseResponse | None:
    """Look at a request before its page does: None lets it pass.

    Raises:
        Forbidden: it may not be answered.
        BadRequest: its form is not one of this session's.
    """
    g.session = None
    g.to_set = None
    if not board.sessions.need_token and not is_ours(request.host, board.hosts):
        raise Forbidden(
            "This dashboard is open to whoever reaches it, so it answers only to the address it was started on. Use "
            "that address, or start it with a token."
        )
    view = (request.endpoint or "").rpartition(".")[2]
    if view == "static":
        return None
    cookie = request.cookies.get(cookie_name(), "")
    g.session = cookie if cookie and board.sessions.is_good(cookie) else None
    if request.method not in _SAFE:
        _check_size()
        _check_origin()
    if g.session is None and not board.sessions.need_token:
        g.session = g.to_set = board.sessions.begin()
    if view in _OPEN:
        return None
    if g.session is None:
        return _to_login()
    if request.method not in _SAFE:
        _check_form(board)
    return None


def sealed(response: Response) -> Response:
    """Say what a browser may do with an answer; what has a policy of its own keeps it."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    # Not no-referrer: with that, browsers send "Origin: null" with the dashboard's own forms.
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if (request.endpoint or "").rpartition(".")[2] != "static":
        headers["Cache-Control"] = "no-store"
    if g.get("to_set"):
        set_cookie(response, g.to_set)
    return response


def set_cookie(response: BaseResponse, value: str | None) -> None:
    """Give a session to the browser, or take it away."""
    path = url_for(".now").rstrip("/")
    response.set_cookie(
        cookie_name(),
        value or "",
        max_age=LIFETIME_S if value else 0,
        path=path or "/",
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def cookie_name() -> str:
    """Cookies of one host know no port, and there may be a dashboard on another."""
    port = split(request.host)[1]
    return f"{COOKIE}-{port}" if port else COOKIE


def way_back(given: str | None) -> str:
    """Where to go after signing in: to a page of the dashboard, and nowhere else."""
    home = url_for(".now")
    if not given or len(given) > _LONGEST_WAY or not _LOCAL.fullmatch(given) or not given.startswith(home):
        return home
    path = unquote(given.partition("?")[0])  # browsers take %2e%2e for ..
    return home if "//" in path or "/.." in path else given


def _check_origin() -> None:
    """Browsers say from where a form was sent.

    Raises:
        Forbidden: from somewhere else.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if (origin is not None and urlsplit(origin).netloc != request.host) or (site not in {None, "same-origin"}):
        raise Forbidden("This was sent from another site's page, so nothing was done.")


def _check_size() -> None:
    """Nothing that is sent from a page is large.

    Raises:
        RequestEntityTooLarge: this is.
    """
    if (request.content_length or 0) > _LARGEST_FORM:
        raise RequestEntityTooLarge("No form of this dashboard is as large as what was sent.")


def _check_form(board: Board) -> None:
    if not board.sessions.is_form_token(g.session, request.form.get(FORM_TOKEN, "")):
        raise BadRequest(
            "The page that this was sent from is too old, so nothing was done. Open it anew and try again."
        )


def _to_login() -> BaseResponse:
    way = request.full_path.rstrip("?") if request.method == "GET" else ""
    there = (request.script_root + way) if way else None
    return redirect(url_for(".login", next=there), 303)
