"""What ``submit`` is given: one request, one for each file, one for each line, the same one many times."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from pubsubctl import wire
from pubsubctl.content import Content, InMemory, Stream, of_path
from pubsubctl.errors import InvalidRequest, UsageError
from pubsubctl.exchange import METHODS, Header, Payload
from pubsubctl.media import guess_type
from pubsubctl.multipart import Upload
from pubsubctl.render.stdin import lines_of, standard_input
from pubsubctl.submission import IDEMPOTENCY_KEY, Submission, build, of_file, of_line, parse

_STDIN = "-"
_LONGEST_LINE = 32_000_000
# As long as what the envelope will say, to find out whether a request fits before its bulk is put together.
_PROBE = {"job_id": "0" * 28, "batch_id": "0" * 26, "store_id": "0" * 36}
_PROBE_PAYLOAD = Payload("0" * 80, 10**15, "0" * 64)


@dataclass(frozen=True)
class Asked:
    """What the arguments and options of ``submit`` say about the requests.

    Attributes:
        target: METHOD and PATH, or PATH alone.
        terms: everything of a submission but its request.
        apart_over: bytes over which a body is kept apart from its message; None: it never is.
    """

    target: Sequence[str]
    terms: "Terms"
    json: str | None = None
    data: str | None = None
    headers: Sequence[str] = ()
    form: Sequence[str] = ()
    files: Sequence[Path] = ()
    files_as: str | None = None
    lines: str | None = None
    count: int = 1
    apart_over: int | None = None


@dataclass(frozen=True)
class Terms:
    """What the options say about every job, whatever its request."""

    idempotency_key: str | None = None
    ordering_key: str = ""
    delay_s: float = 0.0
    timeout_s: float | None = None
    max_attempts: int | None = None


@dataclass
class Source:
    """Submissions to come.

    Attributes:
        submissions: None among them says that the next is waited for.
        single: whether it is one, and known to be.
        apart_over: see ``Asked``.
        stopped_by: the error that ended it early: what came before it stands.
    """

    submissions: Iterator[Submission | None]
    single: bool
    apart_over: int | None = None
    stopped_by: InvalidRequest | None = field(default=None)

    def __iter__(self) -> Iterator[Submission | None]:
        try:
            for submission in self.submissions:
                if submission is not None:
                    _check_fits(submission, self.apart_over)
                yield submission
        except InvalidRequest as error:
            self.stopped_by = error


def source(asked: Asked) -> Source:
    """The submissions that are asked for.

    Raises:
        UsageError: the options contradict each other, or one cannot be read.
    """
    _check(asked)
    if asked.lines is not None:
        return Source(_from_lines(asked.lines, asked.apart_over), False, asked.apart_over)
    method, path = _target(asked.target)
    headers = [_header(text) for text in asked.headers]
    if asked.files:
        return Source(_from_files(asked, method, path, headers), len(asked.files) == 1, asked.apart_over)
    one = _submission(asked, method, path, headers)
    return Source(iter([one] * asked.count), asked.count == 1, asked.apart_over)


def _check_fits(submission: Submission, apart_over: int | None) -> None:
    """Refuse what no message can carry, before anything of its bulk is submitted.

    Raises:
        InvalidRequest: no message can; the text names the limit.
    """
    apart = apart_over is not None and submission.size > apart_over
    request = replace(submission.request, payload=_PROBE_PAYLOAD) if apart else submission.request
    said = wire.attributes(wire.Envelope(request=request, **_PROBE))
    wire.check_limits(said, 0 if apart else submission.size)


def _check(asked: Asked) -> None:
    bodies = [("--json", asked.json), ("--data", asked.data), ("--from", asked.lines), ("--each", asked.files or None)]
    given = [name for name, value in bodies if value is not None]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} cannot stand together: each says what the body is")
    if asked.form and given and not (given == ["--each"] and asked.files_as):
        raise UsageError(f"-F and {given[0]} cannot stand together: each says what the body is")
    if asked.files_as and not asked.files:
        raise UsageError("--each-as says how --each sends its files; name them with --each FILE...")
    if asked.lines is not None and (asked.target or asked.headers or asked.terms != Terms()):
        raise UsageError("with --from, each line says the method, the path and all the rest by itself")
    if asked.count > 1 and (asked.files or asked.lines):
        raise UsageError("--count repeats one request; --each and --from make many of their own")
    if _has_key(asked) and (asked.count > 1 or len(asked.files) > 1):
        raise UsageError("an idempotency key names one job; give it with one request, or in each line of --from")
    for file in asked.files:
        if not file.is_file() or not os.access(file, os.R_OK):
            there = "is a folder" if file.is_dir() else "permission denied"
            raise UsageError(f"cannot read {file}: " + (there if file.exists() else "no such file"))


def _has_key(asked: Asked) -> bool:
    """Whether all are given one idempotency key."""
    names = [_header(text)[0].lower() for text in asked.headers]
    return asked.terms.idempotency_key is not None or IDEMPOTENCY_KEY in names


def _target(words: Sequence[str]) -> tuple[str | None, str]:
    if not words:
        raise UsageError("name a path, such as `pubsubctl submit POST /predict`")
    if len(words) == 1:
        return None, words[0]
    if len(words) > 2:  # noqa: PLR2004 - METHOD PATH
        raise UsageError(f"one METHOD and one PATH, not {' '.join(words)!r}; quote what has spaces")
    if words[0].upper() not in METHODS and words[1].upper() in METHODS:
        raise UsageError(f"the method comes first: `pubsubctl submit {words[1]} {words[0]}`")
    return words[0], words[1]


def _submission(asked: Asked, method: str | None, path: str, headers: list[Header]) -> Submission:
    body: Content | None = None
    if asked.json is not None:
        name, body = _content("--json", asked.json)
        body = _checked_json(name, body)
        _default_type(headers, "application/json")
    elif asked.data is not None:
        _, body = _content("--data", asked.data)
        _default_type(headers, _data_type(asked.data))
    if isinstance(body, Stream) and asked.count > 1:
        body = body.peeked(wire.MAX_MESSAGE_BYTES)
        if isinstance(body, Stream):
            raise UsageError("a stream is read once; with --count, give what is so large as @FILE")
    built = build(method, path, data=body, form=[_field(text) for text in asked.form], headers=headers)
    return _with_terms(built, asked.terms)


def _with_terms(submission: Submission, terms: Terms) -> Submission:
    return replace(
        submission,
        idempotency_key=terms.idempotency_key,
        ordering_key=terms.ordering_key,
        delay_s=terms.delay_s,
        timeout_s=terms.timeout_s,
        max_attempts=terms.max_attempts,
    )


def _content(option: str, value: str) -> tuple[str, Content]:
    """What an option gives as text, ``@file`` or ``-``, and what to call it."""
    if value in {_STDIN, "@-"}:
        return "standard input", Stream("standard input", standard_input())
    if value.startswith("@"):
        return value[1:], of_path(Path(value[1:]))
    return option, InMemory(os.fsencode(value))


def _checked_json(name: str, body: Content) -> Content:
    """It, if it is JSON; what is too large for a message is not looked at: to parse it takes many times its size."""
    if isinstance(body, Stream):
        body = body.peeked(wire.MAX_MESSAGE_BYTES)
    if body.size is None or body.size > wire.MAX_MESSAGE_BYTES:
        return body
    body = InMemory(body.read())
    _check_json(name, body.read())
    return body


def _check_json(name: str, body: bytes) -> None:
    try:
        parse(body)
    except json.JSONDecodeError as error:
        raise InvalidRequest(f"{name} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except ValueError as error:
        raise InvalidRequest(f"{name} is no JSON: {error}") from error


def _data_type(value: str) -> str:
    if value in {_STDIN, "@-"}:
        return "application/octet-stream"
    return guess_type(Path(value[1:])) if value.startswith("@") else "text/plain; charset=utf-8"


def _default_type(headers: list[Header], content_type: str) -> None:
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", content_type))


def _header(text: str) -> Header:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"-H {text!r} is no header; write it as 'Name: value'")
    return name.strip(), value.strip()


def _field(text: str) -> tuple[str, str | Upload]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"-F {text!r} is no field; write it as name=value or name=@file")
    return name, Upload.of(Path(value[1:])) if value.startswith("@") else value


def _from_files(asked: Asked, method: str | None, path: str, headers: list[Header]) -> Iterator[Submission]:
    fields = [_field(text) for text in asked.form]
    for file in asked.files:
        if asked.files_as:
            form = [*fields, (asked.files_as, Upload.of(file))]
            built = build(method, path, form=form, headers=headers)
        else:
            built = of_file(method, path, file, headers=headers)
        yield _with_terms(built, asked.terms)


def _from_lines(name: str, apart_over: int | None) -> Iterator[Submission | None]:
    if name == _STDIN:
        yield from _lines("standard input", standard_input(), apart_over)
        return
    with _opened(name) as file:
        yield from _lines(name, file, apart_over)


def _opened(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise InvalidRequest(f"cannot read {name}: {error.strerror}") from error


def _lines_of(name: str, file: BinaryIO) -> Iterator[bytes | None]:
    try:
        yield from lines_of(file, _LONGEST_LINE)
    except OSError as error:
        raise InvalidRequest(f"cannot read {name}: {error.strerror}") from error


def _lines(name: str, file: BinaryIO, apart_over: int | None) -> Iterator[Submission | None]:
    number = 0
    for line in _lines_of(name, file):
        if line is None:
            yield None
            continue
        number += 1
        if not line.strip():
            continue
        try:
            submission = of_line(line)
            _check_fits(submission, apart_over)
        except InvalidRequest as error:
            cause = error.__cause__
            if isinstance(cause, json.JSONDecodeError):
                raise InvalidRequest(f"{name}, line {number}, column {cause.colno}: {cause.msg}") from error
            raise InvalidRequest(f"{name}, line {number}: {error}") from error
        yield submission
