"""The whole of what a job was sent, and of what it answered, from addresses that are for nothing else."""

import io
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from pubsubctl.client import Client
from pubsubctl.errors import InvalidSetting
from pubsubctl.exchange import Request
from pubsubctl.gateway.dashboard.board import Board
from pubsubctl.gateway.dashboard.bodies import handed_out


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the addresses."""
    blueprint.add_url_rule("/jobs/<job_id>/response/body", "response_body", partial(_response, board))
    blueprint.add_url_rule("/jobs/<job_id>/request/body", "request_body", partial(_request, board))


def _response(board: Board, job_id: str) -> Response:
    with ExitStack() as stack:
        response, body = stack.enter_context(board.client.open_result(job_id))
        name = f"{_name(job_id)}-response"
        return handed_out(name, response.header("content-type"), body, response.size, stack.pop_all())


def _request(board: Board, job_id: str) -> Response:
    request = board.store.request(job_id)
    if request is None:
        raise NotFound("There is no such job.")
    with ExitStack() as stack:
        body = stack.enter_context(_opened(board.client, request))
        name = f"{_name(job_id)}-request"
        return handed_out(name, request.header("content-type"), body, request.size, stack.pop_all())


def _opened(client: Client, request: Request) -> BinaryIO:
    if request.payload is None:
        return io.BytesIO(request.body)
    place = client.bodies.place
    if place is None:
        raise InvalidSetting("the body is kept apart from the store, in a place that is not set here (--payloads)")
    return place.open(request.payload)


def _name(job_id: str) -> str:
    """The id as a part of a file's name."""
    return "job-" + "".join(one for one in job_id if one.isascii() and (one.isalnum() or one in "-_"))
