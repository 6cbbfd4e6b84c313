"""Signing in and out."""

import math
from functools import partial

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pubsubctl.gateway.dashboard.board import Board
from pubsubctl.gateway.dashboard.security import set_cookie, way_back


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the page and what its form does."""
    blueprint.add_url_rule("/login", "login", partial(_login, board))
    blueprint.add_url_rule("/login", "sign_in", partial(_sign_in, board), methods=["POST"])
    blueprint.add_url_rule("/logout", "sign_out", partial(_sign_out, board), methods=["POST"])


def _login(board: Board) -> BaseResponse | str:
    if g.session is not None or not board.sessions.need_token:
        return redirect(way_back(request.args.get("next")), 303)
    return _page("")


def _sign_in(board: Board) -> BaseResponse | str:
    way = way_back(request.form.get("next"))
    if not board.sessions.need_token:
        return redirect(way, 303)
    address = request.remote_addr or ""
    if wait_s := math.ceil(board.patience.wait_s(address)):
        text = f"There were too many attempts. Try again in {wait_s} s."
        return Response(_page(text), 429, {"Retry-After": str(wait_s)}, mimetype="text/html")
    given = request.form.get("token", "")
    if not any(map(board.sessions.accepts, (given, given.strip()))):
        board.patience.failed(address)
        return Response(_page("That is not the token."), 403, mimetype="text/html")
    answer = redirect(way, 303)
    set_cookie(answer, board.sessions.begin())
    return answer


def _sign_out(board: Board) -> BaseResponse:
    board.sessions.end(g.session)
    answer = redirect(url_for(".login"), 303)
    set_cookie(answer, None)
    return answer


def _page(trouble: str) -> str:
    return render_template("dashboard/login.html", trouble=trouble, next=way_back(request.values.get("next")))
