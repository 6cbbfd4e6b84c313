"""One job: its story, what it was asked, what it answered; cancelling it and trying it again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pubsubctl.deadletters import RETRIABLE
from pubsubctl.exchange import Request, Response
from pubsubctl.explaining import waits_for
from pubsubctl.gateway.dashboard.board import Board
from pubsubctl.gateway.dashboard.bodies import Preview, preview
from pubsubctl.gateway.dashboard.words import cut, hidden
from pubsubctl.job import FINISHED, Job, JobState
from pubsubctl.render.figures import seconds
from pubsubctl.render.secrets import masked
from pubsubctl.render.story import Entry, sentence, terms
from pubsubctl.store.timeline import Event

_VALUE = 2000
"""Characters of a header's value that are shown."""
_LOGS = 10
"""Of so many attempts the logs are shown, the last ones."""
DONE = {
    "cancelled": "The job is cancelled.",
    "late": "The job had ended already, so nothing was done.",
    "queued": "The job is queued again. A worker publishes it.",
    "not-queued": "Only a failed or cancelled job can be tried again, so nothing was done.",
}


@dataclass(frozen=True)
class Moment:
    """One thing that happened.

    Attributes:
        after: how long after the job was submitted.
        log: the last of what the application printed in the attempt that ended here.
    """

    at: float
    after: str
    text: str
    log: str


@dataclass(frozen=True)
class Message:
    """A request or a response as it is shown; ``is_apart`` tells that its body is kept apart, and not shown."""

    headers: Sequence[tuple[str, str]]
    body: Preview
    is_apart: bool


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the page and what can be done from it."""
    blueprint.add_url_rule("/jobs/<job_id>", "job", partial(_job, board))
    blueprint.add_url_rule("/jobs/<job_id>/cancel", "cancel", partial(_cancel, board), methods=["POST"])
    blueprint.add_url_rule("/jobs/<job_id>/retry", "retry", partial(_retry, board), methods=["POST"])


def _job(board: Board, job_id: str) -> str:
    client = board.client
    history = client.history(job_id)  # before the job: what the job says is then never older than the story
    job = client.get(job_id)
    asked = board.store.request(job_id)
    response = board.store.response(job_id)
    logs = [event.at for event in history if event.log][-_LOGS:]
    return render_template(
        "dashboard/job.html",
        job=job,
        now=board.store.now(),
        terms=[cut(one) for one in terms(job) if one != job.batch_id],
        story=list(_story(job, history, logs_since=logs[0] if logs else job.created_at)),
        more_logs=sum(1 for event in history if event.log) > len(logs),
        waits_for=waits_for(job, board.store, board.settings),
        request_shown=_shown(asked) if asked else None,
        response=response,
        response_shown=_shown(response) if response else None,
        can_cancel=not job.finished,
        can_retry=job.state in RETRIABLE,
        done=_done(job),
    )


def _done(job: Job) -> str | None:
    """What was done before this page came, unless the job has gone on since."""
    done = request.args.get("done", "")
    gone_on = {"cancelled": job.state is not JobState.CANCELLED, "queued": job.finished}
    return None if gone_on.get(done) else DONE.get(done)


def _cancel(board: Board, job_id: str) -> BaseResponse:
    board.client.get(job_id)
    (found,) = board.store.cancel([job_id])
    done = "late" if found.state in FINISHED else "cancelled"
    return redirect(url_for(".job", job_id=job_id, done=done), 303)


def _retry(board: Board, job_id: str) -> BaseResponse:
    done = "queued" if board.client.retry(job_id) else "not-queued"
    return redirect(url_for(".job", job_id=job_id, done=done), 303)


def _story(job: Job, history: Sequence[Event], logs_since: float) -> Iterator[Moment]:
    began: dict[int, float] = {}
    for event in history:
        if event.kind == "began":
            began[event.attempt] = event.at
        entry = Entry(event.at, event.kind, event.attempt, event.worker, event.message_id, event.text)
        log = hidden(event.log) if event.at >= logs_since else ""
        said = cut(hidden(sentence(entry, began)), _VALUE)
        yield Moment(event.at, f"+{seconds(event.at - job.created_at)}", said, log)


def _shown(message: Request | Response) -> Message:
    headers = [(cut(name), cut(value, _VALUE)) for name, value in masked(message.headers)]
    if message.payload is not None:
        return Message(headers, Preview("binary", message.size), is_apart=True)
    body = preview(message.header("content-type"), message.body, message.size)
    return Message(headers, body, is_apart=False)
