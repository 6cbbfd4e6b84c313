"""One request, run by an application directly and by way of a message, and what both answers have in common."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from google.pubsub_v1.types import PubsubMessage
from werkzeug.test import Client, EnvironBuilder

from pubsubctl import wire
from pubsubctl.exchange import Header, Request, Response
from pubsubctl.names import new_job_id
from pubsubctl.submission import Submission
from pubsubctl.wire import Envelope
from pubsubctl.worker import wsgi

Application = Callable[..., Iterable[bytes]]

_SENT_WITH_LENGTH = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class Varying:
    """A part of a response that no two runs have in common: the first group of ``pattern``, wherever it is found.

    Attributes:
        pattern: a regular expression with one group; what it matches is compared by its length only.
        header: the header that it is in, or None for the body.
    """

    pattern: bytes
    header: str | None = None


@dataclass(frozen=True)
class Case:
    """A request, the status that it must be answered with, and what of the answer varies from run to run.

    Attributes:
        varies: what is blotted out before answers are compared.
        sets: headers that the application makes of a set: lists whose order depends on the process's hash seed.
    """

    id: str
    status: int
    method: str
    path: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    varies: tuple[Varying, ...] = ()
    sets: tuple[str, ...] = ()

    @property
    def request(self) -> Request:
        return Request.of(self.method, self.path, self.headers, self.body)

    @property
    def submission(self) -> Submission:
        """What is submitted: a job of one attempt, so that every status is final."""
        return Submission(self.request, max_attempts=1)


def directly(application: Application, case: Case) -> Response:
    """What werkzeug's test client gets from the application."""
    builder = EnvironBuilder(
        # The test client takes "//a" for a host named "a", unless it is told the whole URL.
        path=f"http://localhost{case.path}" if case.path.startswith("//") else case.path,
        method=case.method,
        headers=list(case.headers),
        data=case.body or None,
        # As user agents do (RFC 9110, section 8.6); the test client says nothing about an empty body.
        content_length=len(case.body) if case.method in _SENT_WITH_LENGTH else None,
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
        environ_overrides={"REQUEST_URI": _native(case.path), "RAW_URI": _native(case.path)},
    )
    with closing(builder), Client(application, use_cookies=False).open(builder) as answer:
        _, _, phrase = answer.status.partition(" ")
        return Response(answer.status_code, tuple(answer.headers.to_wsgi_list()), answer.get_data(), phrase)


def by_message(application: Application, case: Case) -> Response:
    """What the application answers to the request that comes out of a Pub/Sub message."""
    data, attributes = wire.encode(Envelope(new_job_id(), case.request, "batch-1", "store-1"))
    sent = PubsubMessage.serialize(PubsubMessage(data=data, attributes=attributes))
    message = PubsubMessage.deserialize(sent)
    received = wire.decode(message.data, dict(message.attributes), message_id="1")
    environ = wsgi.environ_for(received.request, job_id=received.job_id, attempt=1)
    return wsgi.run(application, environ, max_bytes=wire.MAX_MESSAGE_BYTES)


def comparable(response: Response, case: Case) -> dict[str, Any]:
    """A response with what varies blotted out. Nothing is left out, and a pattern that finds nothing is an error."""
    headers, body = list(response.headers), response.body
    for varying in case.varies:
        if varying.header is None:
            body, found = _blotted(varying.pattern, body)
        else:
            found = 0
            for index, (name, value) in enumerate(headers):
                if name.lower() == varying.header.lower():
                    blotted, hits = _blotted(varying.pattern, value.encode("latin-1"))
                    headers[index], found = (name, blotted.decode("latin-1")), found + hits
        assert found, f"{varying} found nothing in {response}"
    for index, (name, value) in enumerate(headers):
        if name in case.sets:
            headers[index] = (name, ", ".join(sorted(value.split(", "))))
    return {"status": f"{response.status} {response.phrase}", "headers": headers, "body": body}


def parametrized(cases: Iterable[Case]) -> Any:
    """A test for each of ``cases``, under its own name."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases])


@contextmanager
def quiet() -> Iterator[None]:
    """Leave the published applications their own warnings: they are not ours to mend."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _blotted(pattern: bytes, text: bytes) -> tuple[bytes, int]:
    found = 0

    def blot(match: re.Match[bytes]) -> bytes:
        nonlocal found
        found += 1
        start, end = match.span(1)
        whole, offset = match.group(0), match.start(0)
        return whole[: start - offset] + b"?" * (end - start) + whole[end - offset :]

    return re.sub(pattern, blot, text, flags=re.DOTALL), found


def _native(text: str) -> str:
    return text.encode().decode("latin-1")
