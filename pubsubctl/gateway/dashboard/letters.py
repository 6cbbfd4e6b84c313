"""Dead letters: listed, queued again, deleted for good. Each of the last two asks first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from pubsubctl.deadletters import deleted, queued_again
from pubsubctl.gateway.dashboard.asked import AGES, Asked, dead_letters
from pubsubctl.gateway.dashboard.board import Board
from pubsubctl.job import Job, JobState
from pubsubctl.render.figures import plural
from pubsubctl.selecting import Selection
from pubsubctl.store.paging import Position, cursor_after, position_of

_PAGE = 50
_AT_ONCE = 500
_MOST = 10_000
"""What is done in one request: it must not take minutes."""
_SHOWN = 20


@dataclass(frozen=True)
class Deed:
    """What can be done with dead letters.

    Attributes:
        verb: for a button.
        past: what was done then.
        consequence: what happens to them.
    """

    verb: str
    past: str
    consequence: str
    is_final: bool = False


DEEDS = {
    "replay": Deed(
        "Replay",
        "queued again",
        "They keep their ids and their history, and are allowed as many attempts more as at first.",
    ),
    "purge": Deed(
        "Purge",
        "deleted",
        "Their requests and their history are deleted for good. What is on the dead-letter topic stays there.",
        is_final=True,
    ),
}


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/letters", "letters", partial(_letters, board))
    blueprint.add_url_rule("/letters/confirm", "confirm", partial(_confirm, board))
    blueprint.add_url_rule("/letters/act", "act", partial(_act, board), methods=["POST"])


def _letters(board: Board) -> str:
    asked = _asked()
    page = board.store.find(**asked.terms(), limit=_PAGE, cursor=asked.cursor or None)
    return render_template(
        "dashboard/letters.html",
        asked=_shown(asked),
        ages=AGES,
        reasons=dead_letters(),
        jobs=page.jobs,
        next_cursor=page.next_cursor,
        now=board.store.now(),
        done=_done(),
    )


def _confirm(board: Board) -> str:
    do, deed = _deed()
    ids = _ids()
    everything = "all" in request.args
    if not everything and not ids:
        raise BadRequest("No dead letter was chosen, so there is nothing to do.")
    now = board.store.now()
    chosen = _chosen(board, [] if everything else ids, now)
    jobs = list(islice(chosen, _SHOWN))
    count, last = len(jobs), jobs[-1] if jobs else None
    for last in chosen:  # noqa: B007 - the last of them is wanted
        count += 1
    return render_template(
        "dashboard/confirm.html",
        do=do,
        deed=deed,
        count=count,
        is_more=count == _MOST,
        jobs=jobs,
        ids=[] if everything else ids,
        everything=everything,
        until=repr(now),
        last=cursor_after(last) if last else "",
        asked=_shown(_asked()),
        now=now,
    )


def _act(board: Board) -> Response:
    do, deed = _deed()
    ids = _ids()
    if not ids and "all" not in request.form:
        raise BadRequest("No dead letter was chosen, so nothing was done.")
    done, left = 0, ""
    jobs = _chosen(board, [] if "all" in request.form else ids, _until(), _last())
    act: Callable[[Sequence[Job]], tuple[int, str]] = (
        partial(_purge, board) if deed.is_final else partial(_replay, board)
    )
    while part := list(islice(jobs, _AT_ONCE)):
        count, trouble = act(part)
        done, left = done + count, trouble or left
    query = _shown(_asked()).query(**({"cursor": None} if "all" in request.form else {}))
    return redirect(url_for(".letters", **query, did=do, count=done, left="1" if left else None), 303)


def _replay(board: Board, jobs: Sequence[Job]) -> tuple[int, str]:
    return len(queued_again(board.store, jobs)), ""


def _purge(board: Board, jobs: Sequence[Job]) -> tuple[int, str]:
    gone, left = deleted(board.store, board.client.bodies, jobs)
    return len(gone), left or ""


def _chosen(board: Board, ids: Sequence[str], until: float, last: Position | None = None) -> "islice[Job]":
    """The dead letters of these ids, or those that are asked for; no more than are done at once.

    What was given up on after ``until``, or comes after ``last``, is none of them: whoever was asked has not heard of
    it.
    """
    found: Iterable[Job | None] = (
        board.store.get(list(dict.fromkeys(ids)))
        if ids
        else Selection(**_asked().terms(), asked_at=until, last=last).jobs(board.store)
    )
    known = (job for job in found if job is not None and job.dead_letter)
    return islice((job for job in known if (job.finished_at or 0.0) <= until), _MOST)


def _until() -> float:
    """When it was asked, by the store's clock.

    Raises:
        BadRequest: the form does not say it.
    """
    try:
        return float(request.form.get("until", ""))
    except ValueError as error:
        raise BadRequest("The form does not say when it was made, so nothing was done.") from error


def _last() -> Position | None:
    """Where the last of those stands that were shown or counted.

    Raises:
        InvalidCursor: the form does not say it so.
    """
    cursor = request.form.get("last")
    return position_of(cursor) if cursor else None


def _asked() -> Asked:
    """What is asked for, of dead letters alone."""
    asked = Asked.of(request.values)
    return replace(asked, states=(JobState.FAILED,), reasons=asked.reasons or dead_letters(), worker="")


def _shown(asked: Asked) -> Asked:
    """The same as an address says it: what every dead letter has need not be said."""
    return replace(asked, states=(), reasons=() if asked.reasons == dead_letters() else asked.reasons)


def _ids() -> list[str]:
    return [one for one in request.values.getlist("id") if one and len(one) < 1000 and "\0" not in one][:_AT_ONCE]  # noqa: PLR2004 - more is no id


def _deed() -> tuple[str, Deed]:
    do = request.values.get("do", "")
    if do not in DEEDS:
        raise BadRequest("There is nothing of that name to do.")
    return do, DEEDS[do]


def _done() -> str:
    """What was done before this page came, in a line."""
    deed, count = DEEDS.get(request.args.get("did", "")), request.args.get("count", "")
    if deed is None or not (count.isascii() and count.isdigit()) or len(count) > 6:  # noqa: PLR2004 - more than _MOST
        return ""
    said = f"{plural(int(count), 'dead letter')} {deed.past}."
    if deed.is_final and request.args.get("left"):
        said += " Some of their large bodies are still in the payload place; `pubsubctl purge` tells why."
    return said
