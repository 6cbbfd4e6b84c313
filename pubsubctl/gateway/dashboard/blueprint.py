"""The dashboard as a part of a Flask application."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, url_for
from werkzeug.exceptions import HTTPException

from pubsubctl.client import Client
from pubsubctl.errors import (
    InvalidCursor,
    InvalidName,
    InvalidSetting,
    JobNotFound,
    NoResult,
    PayloadMissing,
    PubsubctlError,
    ResultNotReady,
    Unreachable,
)
from pubsubctl.gateway.dashboard import batches, broker, job, jobs, letters, login, now, results, words
from pubsubctl.gateway.dashboard.board import Board
from pubsubctl.gateway.dashboard.security import FORM_TOKEN, admit, sealed
from pubsubctl.gateway.dashboard.session import Sessions
from pubsubctl.job import JobState
from pubsubctl.render.figures import percent, plural, size

PREFIX = "/_dashboard"
_PAGES = (login, now, jobs, job, results, batches, letters, broker)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
_log = logging.getLogger(__name__)


def blueprint(client: Client, *, token: str | None, hosts: Iterable[str] = ()) -> Blueprint:
    """The dashboard, to be registered on an application.

    Args:
        client: of whose store and broker it is.
        token: what people sign in with. None: nobody signs in, so whoever reaches it sees everything; it then answers
            only to names of this machine for itself, and to ``hosts``.
        hosts: other names, without ports, by which it may be called where there is no token.

    Raises:
        InvalidSetting: the token is empty.
    """
    if token is not None and not token.strip():
        raise InvalidSetting("the token is empty, which anybody could guess; give one of 16 characters or more")
    board = Board(client, Sessions(token), frozenset(host.lower().strip("[]") for host in hosts))
    made = Blueprint("dashboard", __name__, url_prefix=PREFIX, template_folder="templates", static_folder="static")
    made.before_request(lambda: admit(board))
    made.after_request(sealed)
    made.context_processor(lambda: _words(board))
    made.register_error_handler(HTTPException, _refused)
    made.register_error_handler(PubsubctlError, _failed)
    made.register_error_handler(Exception, _broken)
    for page in _PAGES:
        page.add_to(made, board)
    made.add_url_rule("", "root", lambda: redirect(url_for(".now"), 303))
    for rule in ("", "/", "/<path:unknown>"):  # with any method: whatever is below the prefix is the dashboard's
        made.add_url_rule(rule, "unknown", _unknown, methods=_METHODS)
    return made


def _unknown(unknown: str = "") -> Any:  # noqa: ARG001 - Flask names it
    abort(HTTPStatus.NOT_FOUND)


def _words(board: Board) -> dict[str, Any]:
    """What all templates know."""
    session = g.get("session")
    return {
        "form_token": board.sessions.form_token(session) if session else "",
        "form_token_name": FORM_TOKEN,
        "can_sign_out": board.sessions.need_token and bool(session),
        "is_signed_in": bool(session),
        "states": list(JobState),
        "ago": words.ago,
        "cut": words.cut,
        "duration": words.duration,
        "hidden": words.hidden,
        "moment": words.moment,
        "outcome": words.outcome,
        "plain": words.plain,
        "plural": plural,
        "percent": percent,
        "size": size,
    }


def error_page(status: int, title: str, text: str) -> Response:
    """A page that says what is wrong."""
    return Response(render_template("dashboard/error.html", title=title, text=text), status, mimetype="text/html")


def _refused(error: HTTPException) -> Any:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:  # a redirect
        return error
    usual = error.code == HTTPStatus.NOT_FOUND and error.description == type(error).description
    return error_page(error.code, error.name, "There is no such page." if usual else error.description or "")


def _failed(error: Exception) -> Response:
    if isinstance(error, (JobNotFound, NoResult, PayloadMissing, ResultNotReady)):
        return error_page(404, "Not found", str(error))
    if isinstance(error, (InvalidCursor, InvalidName)):
        return error_page(400, "Not possible", str(error))
    if isinstance(error, Unreachable):
        return error_page(503, "Not reachable", str(error))
    return error_page(502, "Not done", str(error))


def _broken(error: Exception) -> Response:
    """Something that should not happen: its traceback is for the log, and for nobody who looks at a page."""
    _log.error("the dashboard cannot show a page", exc_info=error)
    return error_page(500, "Something went wrong", "The page cannot be shown. The gateway's log says why.")
