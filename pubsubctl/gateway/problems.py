"""What went wrong, as a problem document (RFC 9457)."""

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from pubsubctl.errors import (
    AccessDenied,
    BrokerError,
    BrokerUnreachable,
    InvalidName,
    InvalidRequest,
    JobNotFound,
    KeyReused,
    NoResult,
    PayloadError,
    PayloadsUnreachable,
    PubsubctlError,
    RequestTooLarge,
    ResultNotReady,
    StoreUnreachable,
    TooManyHeaders,
    Unreachable,
)

MEDIA_TYPE = "application/problem+json"
_AGAIN_S = 5

_STATUSES: tuple[tuple[type[PubsubctlError], HTTPStatus], ...] = (
    (RequestTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (TooManyHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (KeyReused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidRequest, HTTPStatus.BAD_REQUEST),
    (InvalidName, HTTPStatus.NOT_FOUND),
    (JobNotFound, HTTPStatus.NOT_FOUND),
    (ResultNotReady, HTTPStatus.CONFLICT),
    (NoResult, HTTPStatus.GONE),
    (PayloadError, HTTPStatus.GONE),
    (Unreachable, HTTPStatus.SERVICE_UNAVAILABLE),
    (AccessDenied, HTTPStatus.BAD_GATEWAY),
    (BrokerError, HTTPStatus.BAD_GATEWAY),
)

_TOLD: tuple[tuple[type[PubsubctlError], str], ...] = (
    (JobNotFound, "there is no job of that id; it may have been purged"),
    (StoreUnreachable, "the store of jobs is away; ask again later"),
    (BrokerUnreachable, "the broker is away; ask again later"),
    (PayloadsUnreachable, "the place of large bodies is away; ask again later"),
    (Unreachable, "the gateway cannot take this now; ask again later"),
    (BrokerError, "the broker has refused the job; the gateway's log says why"),
)
"""What a client is told, where our own words name what is behind the gateway."""

_log = logging.getLogger("pubsubctl.gateway")


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """A refusal.

    Args:
        status: its status code.
        detail: what is wrong with this very request, and what to do about it.
        headers: fields beside the content's.
        members: what a program may want to know beside that.
    """
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    fields = {"Cache-Control": "no-store", **(headers or {})}  # 404, 405, 410 and 501 might be kept else
    return Response(json.dumps(content) + "\n", status, headers=fields, content_type=MEDIA_TYPE)


def of_error(error: PubsubctlError) -> Response:
    """The refusal that an error of ours stands for. What is wrong behind the gateway is in its log alone."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    told = next((words for kind, words in _TOLD if isinstance(error, kind)), str(error))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("a request was answered with %d: %s", status, error)
        told = told if told != str(error) else "the gateway has failed to answer this; its log says why"
    headers = {"Retry-After": str(_AGAIN_S)} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return problem(status, told, headers=headers)


def of_http(error: HTTPException) -> Response:
    """The refusal that Flask has decided on."""
    answer = problem(error.code or 500, error.description or "")
    answer.headers.extend((name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"})
    return answer


def later(seconds: float) -> dict[str, str]:
    """The field that says when to ask again, in whole seconds and at least one."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
