"""What a client hands in: a request with the terms of its job, and the ways to write one down.

A JSONL line, and an item of ``Client.submit_many``, is an object with ``path``, and any of ``method``, ``headers``
(an object, or a list of pairs), one of ``json``, ``data`` (text) and ``data_base64``, and ``idempotency_key``,
``ordering_key``, ``delay``, ``job_timeout``, ``max_attempts``.

An idempotency key may come in the header that draft-ietf-httpapi-idempotency-key-header defines, too, as a string of
RFC 8941 (``"k"``) or bare (``k``); the application sees that header as any other.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from pubsubctl.content import Content, of_open_file, of_path
from pubsubctl.errors import InvalidRequest
from pubsubctl.exchange import Header, Request
from pubsubctl.media import guess_type
from pubsubctl.multipart import Form, Upload, encoded
from pubsubctl.quantities import duration

_KEYS = (
    "method",
    "path",
    "headers",
    "json",
    "data",
    "data_base64",
    "idempotency_key",
    "ordering_key",
    "delay",
    "job_timeout",
    "max_attempts",
)
_BODIES = ("json", "data", "data_base64")

IDEMPOTENCY_KEY = "idempotency-key"
_LONGEST_KEY = 1024
"""Bytes: what every store has an index for."""
"""The header."""

# A string of RFC 8941 section 3.3.3, and parameters, which say nothing here.
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"(?: *;.*)?')
MAX_DELAY_S = 366 * 86400
MAX_ORDERING_KEY_BYTES = 1024

Headers = Mapping[str, str] | Iterable[Header]
Data = bytes | str | Path | BinaryIO | Content
"""A body as it is: text is sent as UTF-8; a file, named or open, is read as it is submitted."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request with what its job is to be; see ``NewJob`` for the terms.

    Where no idempotency key is given, that of the request's header is taken. A ``content`` is the body of the request,
    which is empty then: it is read when it is submitted, and never as a whole if it is large.

    Raises:
        InvalidRequest: a term cannot be kept.
    """

    request: Request
    idempotency_key: str | None = None
    ordering_key: str = ""
    delay_s: float = 0.0
    timeout_s: float | None = None
    max_attempts: int | None = None
    content: Content | None = None

    @property
    def size(self) -> int:
        """Bytes of the body; 0 where nobody knows yet."""
        return len(self.request.body) if self.content is None else self.content.size or 0

    def whole(self) -> "Submission":
        """The same with its body in memory.

        Raises:
            InvalidRequest: it cannot be read.
        """
        if self.content is None:
            return self
        return replace(self, request=replace(self.request, body=self.content.read()), content=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "idempotency_key", _key(self.request, self.idempotency_key))
        if not 0 <= self.delay_s <= MAX_DELAY_S:
            raise InvalidRequest(f"a job may be delayed by at most {MAX_DELAY_S // 86400} days, and not by less than 0")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise InvalidRequest("'job_timeout' must be longer than nothing")
        if self.max_attempts is not None and not _is_count(self.max_attempts):
            raise InvalidRequest("'max_attempts' must be a whole number, 1 or more")
        if (size := len(encoded(self.ordering_key))) > MAX_ORDERING_KEY_BYTES:
            raise InvalidRequest(
                f"the ordering key has {size:,} bytes, and Pub/Sub allows {MAX_ORDERING_KEY_BYTES:,}; shorten it"
            )


def build(
    method: str | None,
    path: str,
    *,
    json_body: Any = None,
    data: Data | None = None,
    form: Sequence[tuple[str, str | Upload]] = (),
    headers: Headers = (),
) -> Submission:
    """A request from its parts; the method is POST where there is a body, else GET, unless named.

    Args:
        method: its name, in any case, or None.
        path: path and query.
        json_body: to be sent as JSON, with that Content-Type.
        data: to be sent as it is; see ``Data``.
        form: the fields of a multipart form, in order.
        headers: the header fields; a Content-Type here goes before the one that the body would have.

    Raises:
        InvalidRequest: more than one body, or what is no request.
    """
    given = [name for name, body in (("json", json_body), ("data", data), ("form", form or None)) if body is not None]
    if len(given) > 1:
        raise InvalidRequest(f"a request has one body, not {' and '.join(given)}")
    body, content, content_type = _body(json_body, data, form)
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if content_type and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("content-type", content_type))
    return Submission(Request.of(method or ("POST" if given else "GET"), path, pairs, body), content=content)


def of_mapping(item: Mapping[str, Any]) -> Submission:
    """What a JSONL line, or an item of ``Client.submit_many``, holds.

    Raises:
        InvalidRequest: a key is unknown or missing, or a value is of the wrong kind.
    """
    unknown = [key for key in item if key not in _KEYS]
    if unknown:
        raise InvalidRequest(f"unknown key {unknown[0]!r}; a request has {', '.join(_KEYS)}")
    if not isinstance(item.get("path"), str):
        raise InvalidRequest("'path' must be there, and a string")
    bodies = [key for key in _BODIES if key in item]
    if len(bodies) > 1:
        raise InvalidRequest(f"a request has one body, not {' and '.join(bodies)}")
    content, content_type = _content(item)
    headers = _pairs(item.get("headers") or {})
    if content_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", content_type))
    method = _text(item, "method") or ("POST" if bodies else "GET")
    return Submission(
        Request.of(method, item["path"], headers, content),
        idempotency_key=_text(item, "idempotency_key"),
        ordering_key=_text(item, "ordering_key") or "",
        delay_s=_duration(item, "delay") or 0.0,
        timeout_s=_duration(item, "job_timeout"),
        max_attempts=item.get("max_attempts"),
    )


def of_line(line: str | bytes) -> Submission:
    """What one line of JSONL holds.

    Raises:
        InvalidRequest: it is no JSON, no object, or no request.
    """
    try:
        item = parse(line.rstrip())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"no JSON: {error}") from error
    if not isinstance(item, dict):
        raise InvalidRequest(f"a request is a JSON object, not {type(item).__name__}")
    return of_mapping(item)


def parse(content: str | bytes) -> Any:
    """What JSON says; NaN and Infinity, which Python's parser takes, are none.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(content, parse_constant=_refused)


def of_file(
    method: str | None, path: str, file: Path, *, headers: Headers = (), field: str | None = None
) -> Submission:
    """A request that carries a file: as its body, or as a field of a multipart form.

    Raises:
        InvalidRequest: the file cannot be read, or what is no request.
    """
    if field is not None:
        return build(method or "POST", path, form=[(field, Upload.of(file))], headers=headers)
    return build(method or "POST", path, data=file, headers=headers)


def _key(request: Request, given: str | None) -> str | None:
    """The idempotency key of a submission."""
    header = request.header(IDEMPOTENCY_KEY)
    named = None if header is None else _bare(header)
    if "" in (given, named):
        raise InvalidRequest("an idempotency key must not be empty")
    if len((given or named or "").encode(errors="replace")) > _LONGEST_KEY:
        raise InvalidRequest(f"an idempotency key has at most {_LONGEST_KEY:,} bytes; send a digest of it")
    if given is not None and named is not None and given != named:
        raise InvalidRequest(f"the idempotency key {given!r} is not that of the header, {named!r}; give one of them")
    return named if given is None else given


def _bare(value: str) -> str:
    """What the header says, with or without quotes."""
    if not value.startswith('"'):
        return value
    match = _STRING.fullmatch(value)
    if match is None:
        raise InvalidRequest(f'the header Idempotency-Key: {value} is no string; write it as "KEY", or without quotes')
    return re.sub(r"\\(.)", r"\1", match[1])


def _refused(constant: str) -> Any:
    raise ValueError(f"JSON has no {constant}")


def _body(
    json_body: Any, data: Data | None, form: Sequence[tuple[str, str | Upload]]
) -> tuple[bytes, Content | None, str]:
    """The body, or the content that it will be, and its media type."""
    if json_body is not None:
        return json.dumps(json_body).encode(), None, "application/json"
    if form:
        fields = Form(form)
        return b"", fields, fields.content_type
    if data is None:
        return b"", None, ""
    if isinstance(data, str):
        return encoded(data), None, "text/plain; charset=utf-8"
    media_type = guess_type(data) if isinstance(data, Path) else "application/octet-stream"
    if isinstance(data, bytes):
        return data, None, media_type
    return b"", _file(data), media_type


def _file(data: Path | BinaryIO | Content) -> Content:
    if isinstance(data, Content):
        return data
    if isinstance(data, Path):
        return of_path(data)
    if not hasattr(data, "read"):
        raise InvalidRequest(f"a body is made of bytes, text or a file, not of {type(data).__name__}")
    return of_open_file(data)


def _content(item: Mapping[str, Any]) -> tuple[bytes, str]:
    if "json" in item:  # null is JSON too
        return json.dumps(item["json"]).encode(), "application/json"
    if "data" in item:
        return encoded(_text(item, "data") or ""), "text/plain; charset=utf-8"
    if "data_base64" not in item:
        return b"", ""
    try:
        return base64.b64decode(_text(item, "data_base64") or "", validate=True), "application/octet-stream"
    except ValueError as error:
        raise InvalidRequest("'data_base64' is no base64") from error


def _pairs(headers: Any) -> list[Header]:
    pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)  # noqa: PLR2004
        for pair in pairs
    ):
        raise InvalidRequest("'headers' must be an object of strings, or a list of pairs of strings")
    return [(name, value) for name, value in pairs]


def _text(item: Mapping[str, Any], key: str) -> str | None:
    value = item.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"{key!r} must be a string")
    encoded(value)
    return value


def _duration(item: Mapping[str, Any], key: str) -> float | None:
    try:
        return None if item.get(key) is None else duration(item[key])
    except ValueError as error:
        raise InvalidRequest(f"{key!r} {error}") from error


def _is_count(value: object) -> bool:
    """Whether it is a whole number, 1 or more; a caller's types need not be those that are asked for."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
