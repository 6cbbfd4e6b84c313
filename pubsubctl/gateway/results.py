"""What the application answered, as the response of the gateway."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

from flask import Response

from pubsubctl import exchange
from pubsubctl.client import Client
from pubsubctl.content import PIECE
from pubsubctl.errors import NoResult
from pubsubctl.gateway import hops
from pubsubctl.gateway.dashboard.session import COOKIE
from pubsubctl.gateway.problems import problem
from pubsubctl.job import Job, Reason

# Of a connection (RFC 9110 section 7.6.1), or made anew for this one.
_NOT_PASSED_ON = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_LENGTH = re.compile(r"[0-9]{1,15}")
_NO_BODY = frozenset({204, 205, 304})
_FIRST_FINAL = 200

JOB_FIELD = "Pubsubctl-Job"


class Results:
    """Makes responses of results.

    Args:
        client: whose jobs they are of.
        sandboxed: whether pages for people are on the same origin: what an application has answered runs in none of
            them, nor beside them.
        own_cors: whether the gateway says which pages of other origins may ask, and not the application.
    """

    def __init__(self, client: Client, *, sandboxed: bool, own_cors: bool = False) -> None:
        self._client = client
        self._own_cors = own_cors
        self._sandboxed = sandboxed

    def of(self, job_id: str, *, to_head: bool = False) -> Response:
        """The application's own status, headers and body.

        Args:
            job_id: whose.
            to_head: whether it answers the HEAD request that was the job's: it has the length of what is not sent.

        Raises:
            JobNotFound, ResultNotReady, NoResult, InvalidSetting, PayloadError, PayloadsUnreachable: see
                ``Client.result``.
        """
        with ExitStack() as stack:
            answered, body = stack.enter_context(self._client.open_result(job_id))
            if answered.status < _FIRST_FINAL:
                raise NoResult(f"job {job_id} was answered with the status {answered.status}, which ends nothing")
            if answered.status in _NO_BODY:
                made = Response(status=_status(answered))
            else:
                made = Response(iter(lambda: body.read(PIECE), b""), _status(answered))
                if (length := _length(answered) if to_head else answered.size) is not None:
                    made.content_length = length
            made.call_on_close(stack.pop_all().close)
        made.headers.remove("Content-Type")
        for name, value in passed_on(answered.headers):
            if not self._is_ours(name.lower(), value):
                made.headers.add(name, value)
        made.headers[JOB_FIELD] = job_id
        if self._sandboxed:
            made.headers.add("Content-Security-Policy", "sandbox; frame-ancestors 'none'")
            made.headers["X-Content-Type-Options"] = "nosniff"
        return made

    def _is_ours(self, key: str, value: str) -> bool:
        """Whether a field says what only the gateway may: whose pages may ask, who is signed in."""
        if key == "set-cookie":  # browsers send one without a name, "=NAME=VALUE", as that of the name
            return self._sandboxed and value.lstrip(" \t=").startswith(COOKIE)
        if key == "clear-site-data":
            return self._sandboxed
        return self._own_cors and key.startswith("access-control-")

    def of_ended(self, job: Job) -> Response:
        """The same for whoever has waited: one without a response is the gateway's failure, or the application's.

        Raises:
            InvalidSetting, PayloadError, PayloadsUnreachable: see ``Client.result``.
        """
        try:
            return self.of(job.id, to_head=job.method == "HEAD")
        except NoResult as error:
            status = 504 if job.reason == Reason.TIMEOUT else 502
            return problem(status, str(error), headers={JOB_FIELD: job.id}, job=job.document())


def passed_on(headers: tuple[exchange.Header, ...]) -> Iterator[exchange.Header]:
    """The fields that go on: none of a connection, none that would begin another line."""
    not_passed_on = _NOT_PASSED_ON | hops.named(headers)
    for name, value in headers:
        key = name.lower()
        if key not in not_passed_on and _NAME.fullmatch(name) and _VALUE.fullmatch(value):
            yield name, value


def _length(answered: exchange.Response) -> int | None:
    """What the application has said of the content that a response to HEAD does not have (RFC 9110, section 8.6)."""
    said = answered.header("content-length") or ""
    return int(said) if _LENGTH.fullmatch(said) else None


def _status(answered: exchange.Response) -> str:
    phrase = answered.phrase if _VALUE.fullmatch(answered.phrase) else ""
    return f"{answered.status} {phrase}" if phrase else str(answered.status)
