"""What a client hands in: a request with the terms of its job, and the ways to write one down. Pure.

A JSONL line, and an item of ``Client.submit_many``, is an object with ``path``, and any of ``method``, ``headers``
(an object, or a list of pairs), one of ``json``, ``data`` (text) and ``data_base64``, and ``idempotency_key``,
``ordering_key``, ``delay``, ``job_timeout``, ``max_attempts``.

An idempotency key may come in the header that draft-ietf-httpapi-idempotency-key-header defines, too, as a string of
RFC 8941 (``"k"``) or bare (``k``); the application sees that header as any other.
"""

import base64
import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pubsubctl.errors import InvalidRequest
from pubsubctl.exchange import Header, Request
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
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}

IDEMPOTENCY_KEY = "idempotency-key"
"""The header."""

# A string of RFC 8941 section 3.3.3, and parameters, which say nothing here.
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"(?: *;.*)?')
MAX_DELAY_S = 366 * 86400
MAX_ORDERING_KEY_BYTES = 1024

Headers = Mapping[str, str] | Iterable[Header]


@dataclass(frozen=True, slots=True)
class Submission:
    """A request with what its job is to be; see ``NewJob`` for the terms.

    Where no idempotency key is given, that of the request's header is taken.

    Raises:
        InvalidRequest: a term cannot be kept.
    """

    request: Request
    idempotency_key: str | None = None
    ordering_key: str = ""
    delay_s: float = 0.0
    timeout_s: float | None = None
    max_attempts: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "idempotency_key", _key(self.request, self.idempotency_key))
        if not 0 <= self.delay_s <= MAX_DELAY_S:
            raise InvalidRequest(f"a job may be delayed by at most {MAX_DELAY_S // 86400} days, and not by less than 0")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise InvalidRequest("'job_timeout' must be longer than nothing")
        if self.max_attempts is not None and not _is_count(self.max_attempts):
            raise InvalidRequest("'max_attempts' must be a whole number, 1 or more")
        if (size := len(_encoded(self.ordering_key))) > MAX_ORDERING_KEY_BYTES:
            raise InvalidRequest(
                f"the ordering key has {size:,} bytes, and Pub/Sub allows {MAX_ORDERING_KEY_BYTES:,}; shorten it"
            )


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart form."""

    filename: str
    content: bytes
    content_type: str

    @classmethod
    def of(cls, path: Path) -> "Upload":
        """A file as it is on disk, its type guessed by its name.

        Raises:
            InvalidRequest: it cannot be read.
        """
        return cls(path.name, read_file(path), guess_type(path))


def build(
    method: str | None,
    path: str,
    *,
    json_body: Any = None,
    data: bytes | str | None = None,
    form: Sequence[tuple[str, str | Upload]] = (),
    headers: Headers = (),
) -> Request:
    """A request from its parts; the method is POST where there is a body, else GET, unless named.

    Args:
        method: its name, in any case, or None.
        path: path and query.
        json_body: to be sent as JSON, with that Content-Type.
        data: to be sent as it is; text as UTF-8.
        form: the fields of a multipart form, in order.
        headers: the header fields; a Content-Type here goes before the one that the body would have.

    Raises:
        InvalidRequest: more than one body, or what is no request.
    """
    given = [name for name, body in (("json", json_body), ("data", data), ("form", form or None)) if body is not None]
    if len(given) > 1:
        raise InvalidRequest(f"a request has one body, not {' and '.join(given)}")
    body, content_type = _body(json_body, data, form)
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if content_type and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("content-type", content_type))
    return Request.of(method or ("POST" if given else "GET"), path, pairs, body)


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


def of_file(method: str | None, path: str, file: Path, *, headers: Headers = (), field: str | None = None) -> Request:
    """A request that carries a file: as its body, or as a field of a multipart form.

    Raises:
        InvalidRequest: the file cannot be read, or what is no request.
    """
    if field is not None:
        return build(method or "POST", path, form=[(field, Upload.of(file))], headers=headers)
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("content-type", guess_type(file)))
    return build(method or "POST", path, data=read_file(file), headers=pairs)


def guess_type(path: Path) -> str:
    """The media type that a file's name suggests: of a compressed file, that of the compression."""
    media_type, encoding = mimetypes.guess_type(path.name)
    if encoding is not None:
        return _COMPRESSED.get(encoding, "application/octet-stream")
    return media_type or "application/octet-stream"


def read_file(path: Path) -> bytes:
    """A file's content.

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"cannot read {path}: {error.strerror}") from error


def _key(request: Request, given: str | None) -> str | None:
    """The idempotency key of a submission."""
    header = request.header(IDEMPOTENCY_KEY)
    named = None if header is None else _bare(header)
    if "" in (given, named):
        raise InvalidRequest("an idempotency key must not be empty")
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


def _body(json_body: Any, data: bytes | str | None, form: Sequence[tuple[str, str | Upload]]) -> tuple[bytes, str]:
    if json_body is not None:
        return json.dumps(json_body).encode(), "application/json"
    if isinstance(data, str):
        return _encoded(data), "text/plain; charset=utf-8"
    if data is not None:
        return data, "application/octet-stream"
    return _multipart(form) if form else (b"", "")


def _multipart(form: Sequence[tuple[str, str | Upload]]) -> tuple[bytes, str]:
    """The fields as RFC 7578 has it, written as browsers do.

    The boundary comes from the content, so that the same form is the same request: an idempotency key compares them.
    """
    parts = [_part(name, value) for name, value in form]
    boundary = f"pubsubctl-{hashlib.sha256(repr(parts).encode()).hexdigest()[:40]}"
    lines = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head, content) for head, content in parts)
    return lines + b"--%s--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}"


def _part(name: str, value: str | Upload) -> tuple[bytes, bytes]:
    disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, str):
        return _encoded(disposition), _encoded(value)
    head = f'{disposition}; filename="{_quoted(value.filename)}"\r\nContent-Type: {_quoted(value.content_type)}'
    return _encoded(head), value.content


def _quoted(text: str) -> str:
    """A name in a multipart header: what would end it is percent-encoded (HTML, "multipart/form-data encoding")."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{text[:40]!r} is not valid Unicode, which UTF-8 needs; send its bytes") from error


def _content(item: Mapping[str, Any]) -> tuple[bytes, str]:
    if "json" in item:  # null is JSON too
        return json.dumps(item["json"]).encode(), "application/json"
    if "data" in item:
        return _encoded(_text(item, "data") or ""), "text/plain; charset=utf-8"
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
    _encoded(value)
    return value


def _duration(item: Mapping[str, Any], key: str) -> float | None:
    try:
        return None if item.get(key) is None else duration(item[key])
    except ValueError as error:
        raise InvalidRequest(f"{key!r} {error}") from error


def _is_count(value: object) -> bool:
    """Whether it is a whole number, 1 or more; a caller's types need not be those that are asked for."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
