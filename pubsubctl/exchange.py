"""One HTTP exchange: the request that a job carries, the response that it ends with. Pure.

A request is kept in one canonical form, so that it comes back from a message, or from the store, equal to
what was submitted: header names in lower case and in order, repeated fields combined as RFC 9110 section 5.3
has it (cookies as RFC 6265 section 5.4), and no field that only describes the connection or repeats the
length of the body. A response is kept exactly as the application gave it, repeated fields and all.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from pubsubctl.errors import InvalidRequest
from pubsubctl.names import check_payload_key

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

Header = tuple[str, str]

# Fields of one connection (RFC 9110 section 7.6.1), and those that the body itself tells.
_NOT_CARRIED = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_SIZE = re.compile(r"[0-9]{1,16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NO_CONTROLS = re.compile(r"[^\x00-\x1f\x7f]*")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Payload:
    """A body that is kept apart from its message and its row, since it is large: what is known of it.

    Attributes:
        key: where it is, below the payload root of whoever reads it; never a URL or an absolute path.
        size: its length in bytes.
        digest: its SHA-256, in hexadecimal.
    """

    key: str
    size: int
    digest: str

    @classmethod
    def of(cls, key: str, size: str | int, digest: str) -> "Payload":
        """What somebody else says of one, checked.

        Raises:
            InvalidName: the key is none.
            ValueError: the size or the digest is none.
        """
        if not _SIZE.fullmatch(str(size)):
            raise ValueError(f"{str(size)[:40]!r} is no size in bytes")
        if not _SHA256.fullmatch(digest):
            raise ValueError(f"{digest[:80]!r} is no SHA-256 in hexadecimal")
        return cls(check_payload_key(key), int(size), digest)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request in canonical form; make one with ``Request.of``, which checks it.

    Attributes:
        method: one of ``METHODS``.
        path: the origin form of the target (RFC 9112 section 3.2.1): path and query, percent-encoded or not,
            as it was submitted.
        headers: (name, value) pairs in order of their lower-case names, each name once.
        body: the content, as it is.
        payload: what is known of the content where it is kept apart; ``body`` is empty then.
    """

    method: str
    path: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    payload: Payload | None = None

    @classmethod
    def of(cls, method: str, path: str, headers: Iterable[Header] = (), body: bytes = b"") -> "Request":
        """A checked request in canonical form.

        Raises:
            InvalidRequest: the method is unknown, the path does not begin with ``/`` or cannot be a path, or a
                header is not one.
        """
        verb = method.upper()
        if verb not in METHODS:
            raise InvalidRequest(f"unknown method {method!r}; use one of {', '.join(METHODS)}")
        check_path(path)
        return cls(verb, path, combine(headers), body)

    @property
    def size(self) -> int:
        """The length of the content in bytes, wherever it is kept."""
        return self.payload.size if self.payload is not None else len(self.body)

    @property
    def digest(self) -> str:
        """The SHA-256 of the content in hexadecimal, wherever it is kept."""
        if self.payload is not None:
            return self.payload.digest
        import hashlib  # a child has no use for it

        return hashlib.sha256(self.body).hexdigest()

    def header(self, name: str) -> str | None:
        """The value of the field ``name`` (in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Response:
    """What the application answered.

    Attributes:
        status: the status code, 100 to 999.
        headers: (name, value) pairs as the application gave them, in its order, repeated ones apart.
        body: the content.
        phrase: the reason phrase that the application gave with its status.
        payload: what is known of the content where it is kept apart; ``body`` is empty then.
    """

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    phrase: str = ""
    payload: Payload | None = None

    @property
    def size(self) -> int:
        """The length of the content in bytes, wherever it is kept."""
        return self.payload.size if self.payload is not None else len(self.body)

    @property
    def text(self) -> str:
        """The body as text: in the charset of its Content-Type, UTF-8 where it names none."""
        match = re.search(r"charset=\"?([\w.:-]+)", self.header("content-type") or "", re.IGNORECASE)
        try:
            return self.body.decode(match.group(1) if match else "utf-8", errors="replace")
        except (LookupError, UnicodeError):  # no charset, or one that cannot replace
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body parsed as JSON.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first value of the field ``name``, in whatever case, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Meaning(StrEnum):
    """What a status says about the job."""

    SUCCEEDED = "succeeded"
    RETRY = "retry"
    FAILED = "failed"


TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that RFC 9110 and its kin call temporary."""


@dataclass(frozen=True, slots=True)
class RetryOn:
    """What is worth another attempt.

    Attributes:
        statuses: what the application may answer; a 2xx or 3xx among them is no success.
        timeout: an attempt that ran longer than it may.
        crash: an attempt whose process died. Without it a job is never begun a second time.
    """

    statuses: frozenset[int] = TEMPORARY
    timeout: bool = True
    crash: bool = True

    @classmethod
    def of(cls, text: str) -> "RetryOn":
        """From ``500,502-504,5xx,timeout,crash``, or ``none``.

        Raises:
            ValueError: a part is none of those.
        """
        statuses: set[int] = set()
        words = [part.strip().lower() for part in text.split(",")]
        for word in words:
            if word not in _ENDINGS and not (word == "none" and len(words) == 1):
                statuses |= _statuses(word)
        return cls(frozenset(statuses), *(word in words for word in _ENDINGS))


USUAL_RETRY_ON = RetryOn()
"""What is retried where nobody says otherwise."""

_ENDINGS = ("timeout", "crash")


def _statuses(word: str) -> set[int]:
    if match := re.fullmatch(r"([1-5])xx", word):
        first = int(match.group(1)) * 100
        return set(range(first, first + 100))
    match = re.fullmatch(r"([1-5]\d\d)(?:-([1-5]\d\d))?", word)
    if match is None or int(match.group(2) or match.group(1)) < int(match.group(1)):
        raise ValueError(
            "must be a list of statuses, such as 429,500-504,5xx, and the words timeout and crash, or none"
        )
    return set(range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1))


def meaning(status: int, retry_on: frozenset[int] = TEMPORARY) -> Meaning:
    """What is to be retried is; of the rest, 2xx and 3xx are success, and everything else is final."""
    if status in retry_on:
        return Meaning.RETRY
    return Meaning.SUCCEEDED if HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST else Meaning.FAILED


LONGEST_RETRY_AFTER_S = 86400.0


def retry_after(response: Response, *, now: float) -> float | None:
    """The seconds from ``now`` (seconds since the epoch) that Retry-After asks for, a day at the most, or None.

    Both forms of RFC 9110 section 10.2.3 are understood; one that is neither is passed over.
    """
    value = (response.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER_S)
    try:
        when = parsedate_to_datetime(value)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = when.timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_S)


def check_path(path: str) -> None:
    """Refuse what cannot be the target of a request.

    Raises:
        InvalidRequest: it does not begin with ``/``, or holds a fragment, a control character or a lone surrogate.
    """
    if not path.startswith("/"):
        raise InvalidRequest(f"the path {path!r} must begin with '/'")
    if "#" in path:
        raise InvalidRequest(
            f"the path {path!r} has a fragment ('#'), which is never sent; write '%23' for the character"
        )
    if not _NO_CONTROLS.fullmatch(path):
        raise InvalidRequest(f"the path {path!r} has a control character; percent-encode it")
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the path {path!r} is not valid Unicode; percent-encode it") from error


def combine(headers: Iterable[Header]) -> tuple[Header, ...]:
    """The canonical form of request headers.

    Raises:
        InvalidRequest: a name is no token, or a value has a character that no header may carry.
    """
    combined: dict[str, str] = {}
    for name, value in headers:
        key, stripped = name.lower(), value.strip(" \t")
        _check_header(name, stripped)
        if key in _NOT_CARRIED:
            continue
        separator = "; " if key == "cookie" else ", "
        combined[key] = combined[key] + separator + stripped if key in combined else stripped
    return tuple(sorted((key, value.strip(" \t")) for key, value in combined.items()))


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise InvalidRequest(f"the header name {name!r} is not one; write it as 'Name: value'")
    if not _FIELD_VALUE.fullmatch(value):
        raise InvalidRequest(f"the value of the header {name!r} has a character outside Latin-1, or a line break")
