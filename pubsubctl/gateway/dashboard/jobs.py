"""The list of jobs, and looking for one of them."""

from functools import partial
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from pubsubctl.gateway.dashboard.asked import AGES, Asked
from pubsubctl.gateway.dashboard.board import Board

PAGE = 50
_LOOKS = 20


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/jobs", "jobs", partial(_jobs, board))
    blueprint.add_url_rule("/find", "find", partial(_find, board))


def _jobs(board: Board) -> str:
    asked = Asked.of(request.args)
    store = board.store
    of_worker: dict[str, Any] = {"worker": asked.worker} if asked.worker else {}
    page = store.find(**asked.terms(), **of_worker, limit=PAGE, cursor=asked.cursor or None)
    for _ in range(_LOOKS):  # a store may look at some jobs only, and have none of a worker's among them
        if page.jobs or page.next_cursor is None:
            break
        page = store.find(**asked.terms(), **of_worker, limit=PAGE, cursor=page.next_cursor)
    return render_template(
        "dashboard/jobs.html",
        asked=asked,
        ages=AGES,
        jobs=page.jobs,
        next_cursor=page.next_cursor,
        counts=store.counts(asked.batch) if asked.batch else {},
        now=store.now(),
    )


def _find(board: Board) -> Response:
    """Go to the job, or to the jobs of the batch, of that id."""
    wanted = request.args.get("id", "").strip()
    if not wanted:
        return redirect(url_for(".jobs"), 303)
    if len(wanted) < 1000 and "\0" not in wanted:  # noqa: PLR2004 - more is no id of anything
        if board.store.get([wanted])[0] is not None:
            return redirect(url_for(".job", job_id=wanted), 303)
        if any(board.store.counts(wanted).values()):
            return redirect(url_for(".jobs", batch=wanted), 303)
    raise NotFound("There is no job and no batch of that id. An id has to be given whole.")
