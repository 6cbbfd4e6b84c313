"""HTTP requests as Pub/Sub messages, and back. Pure.

``data`` is the body, the attributes are all the rest, so that a subscription's filter can route by path or
method, and any language, or ``gcloud pubsub topics publish``, can submit:

=========================  =========================================================================
attribute                  what it is
=========================  =========================================================================
``job-id``                 the job; a message without one gets ``msg-<message id>``
``method``, ``path``       the request line; the path with its query
``content-type``           the header of that name
``header-<name>``          every other header, its name in lower case
``batch-id``               the submit that the job belongs to
``store-id``               the store that its submitter looks into for the result
``payload-ref``            where the body is, if it is kept apart (``data`` is empty then): a key below the
                           worker's own payload place, never a URL or a path of its own
``payload-digest``         that body's SHA-256 in hexadecimal, which whoever reads it checks
``payload-size``           that body's length in bytes
=========================  =========================================================================

Pub/Sub takes 1,024 bytes in a value. A longer one goes on in ``key.1``, ``key.2`` and so on, cut between
characters. To keep that apart from header names that end like it, ``%`` and ``.`` in a header's name are
written ``%25`` and ``%2e``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from pubsubctl.errors import InvalidName, InvalidRequest, MalformedMessage, RequestTooLarge, TooManyHeaders
from pubsubctl.exchange import Header, Payload, Request
from pubsubctl.names import check_job_id

MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_MESSAGE_BYTES = 10_000_000 - 2_048
"""What is left of Pub/Sub's 10 MB for a publish when the topic's name, the ordering key and the framing are paid."""

_HEADER = "header-"
_REF, _DIGEST, _SIZE = "payload-ref", "payload-digest", "payload-size"
_CONTINUATION = 0b10  # the two high bits of every byte of a UTF-8 character but its first


@dataclass(frozen=True, slots=True)
class Envelope:
    """A job on its way: what a message says beside the time and the ids that the broker gives it.

    Attributes:
        job_id: the job.
        request: what to run.
        batch_id: the submit that it belongs to.
        store_id: where its submitter looks for the result; None from a plain publisher.
    """

    job_id: str
    request: Request
    batch_id: str | None = None
    store_id: str | None = None


def encode(envelope: Envelope) -> tuple[bytes, dict[str, str]]:
    """The data and the attributes of the message that carries a job.

    Raises:
        InvalidRequest: it does not fit into one message; the text names the limit.
    """
    said = attributes(envelope)
    check_limits(said, len(envelope.request.body))
    return envelope.request.body, said


def attributes(envelope: Envelope) -> dict[str, str]:
    """The attributes that a job needs, whether a message may have so many of them or not."""
    request = envelope.request
    said = {"job-id": envelope.job_id, "method": request.method}
    _put(said, "path", request.path)
    for name, value in request.headers:
        _put(said, name if name == "content-type" else _HEADER + _escape(name), value)
    if envelope.batch_id:
        said["batch-id"] = envelope.batch_id
    if envelope.store_id:
        said["store-id"] = envelope.store_id
    if (payload := request.payload) is not None:
        _put(said, _REF, payload.key)
        said[_DIGEST], said[_SIZE] = payload.digest, str(payload.size)
    return said


def decode(data: bytes, attributes: Mapping[str, str], *, message_id: str, route: str | None = None) -> Envelope:
    """The job that a message carries.

    A message without a path goes to ``route`` (``"METHOD /path"``, or ``"/path"``); one without a content type
    is JSON if its data reads as JSON. What is none of ours among the attributes is left alone.

    Raises:
        MalformedMessage: it is no job; the text says what is wrong.
    """
    values = _join(attributes)
    method, path = values.get("method"), values.get("path")
    if path is None:
        if route is None:
            raise MalformedMessage("the message has no 'path' attribute, and the worker has no --route for such ones")
        method, path = split_route(route)
    has_body = bool(data) or _REF in values
    try:
        job_id = check_job_id(values.get("job-id") or f"msg-{message_id}")
        request = Request.of(method or ("POST" if has_body else "GET"), path, _headers(values, data), data)
        if _REF in values:
            request = replace(request, payload=_payload(values, data))
    except (InvalidRequest, InvalidName) as error:
        raise MalformedMessage(str(error)) from error
    return Envelope(job_id, request, values.get("batch-id"), values.get("store-id"))


def _payload(values: Mapping[str, str], data: bytes) -> Payload:
    """What the attributes say of a body that is kept apart.

    Raises:
        InvalidName, MalformedMessage: they do not say enough, or what cannot be.
    """
    if data:
        raise MalformedMessage(f"the message has a '{_REF}' and data too; a body is in one place")
    for name in (_DIGEST, _SIZE):
        if name not in values:
            raise MalformedMessage(f"the message has a '{_REF}' and no '{name}', so the body cannot be checked")
    try:
        return Payload.of(values[_REF], values[_SIZE], values[_DIGEST])
    except ValueError as error:
        raise MalformedMessage(f"what the message says of its body cannot be: {error}") from error


def split_route(route: str) -> tuple[str | None, str]:
    """The method (None where it names none) and the path of ``"POST /path"`` or ``"/path"``.

    Any white space may stand before, between and behind them; what of it is inside of the path belongs to the path.
    """
    text = route.strip()
    parts = text.split(maxsplit=1)
    if text.startswith("/") or not parts[1:]:
        return None, text
    return parts[0], parts[1]


def _put(attributes: dict[str, str], key: str, value: str) -> None:
    for number, piece in enumerate(_pieces(value)):
        attributes[f"{key}.{number}" if number else key] = piece


def _escape(name: str) -> str:
    return name.replace("%", "%25").replace(".", "%2e")


def _pieces(value: str) -> list[str]:
    """``value`` in pieces of at most ``MAX_VALUE_BYTES``, cut between characters."""
    rest, pieces = value.encode(), []
    while len(rest) > MAX_VALUE_BYTES:
        end = MAX_VALUE_BYTES
        while rest[end] >> 6 == _CONTINUATION:  # inside a character, which began earlier
            end -= 1
        pieces.append(rest[:end].decode())
        rest = rest[end:]
    return [*pieces, rest.decode()]


def _join(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes with every ``key.1``, ``key.2``, ... put back behind its ``key``."""
    joined = {}
    for key, value in attributes.items():
        base, dot, number = key.rpartition(".")
        if dot and number.isdigit() and base in attributes:
            continue
        whole, following = value, 1
        while (piece := attributes.get(f"{key}.{following}")) is not None:
            whole, following = whole + piece, following + 1
        joined[key] = whole
    return joined


def _headers(values: Mapping[str, str], data: bytes) -> list[Header]:
    headers = [(unquote(key[len(_HEADER) :]), value) for key, value in values.items() if key.startswith(_HEADER)]
    content_type = values.get("content-type")
    if content_type is not None:
        headers.append(("content-type", content_type))
    elif "job-id" not in values and _is_json(data):
        headers.append(("content-type", "application/json"))
    return headers


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def check_limits(attributes: Mapping[str, str], body_bytes: int) -> None:
    """Refuse what does not fit into one message.

    Raises:
        TooManyHeaders: there are too many attributes, or a key is too long.
        RequestTooLarge: all of it is too large.
    """
    if len(attributes) > MAX_ATTRIBUTES:
        raise TooManyHeaders(
            f"the headers need {len(attributes)} attributes, and a Pub/Sub message has at most {MAX_ATTRIBUTES}; "
            "send fewer or shorter headers"
        )
    size = body_bytes
    for key, value in attributes.items():
        key_bytes = len(key.encode())
        if key_bytes > MAX_KEY_BYTES:
            raise TooManyHeaders(
                f"the header name {key[:40]!r}... makes an attribute key of {key_bytes} bytes, "
                f"and Pub/Sub allows {MAX_KEY_BYTES}"
            )
        size += key_bytes + len(value.encode()) + 10  # at most 10 bytes of protobuf's own an attribute
    if size > MAX_MESSAGE_BYTES:
        raise RequestTooLarge(
            f"the request needs {size:,} bytes, and a Pub/Sub message carries at most {MAX_MESSAGE_BYTES:,} (10 MB "
            "with its envelope); set a place for larger bodies, the same for workers: --payloads DIR|gs://bucket/prefix"
        )
