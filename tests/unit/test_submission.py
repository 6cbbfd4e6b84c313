"""What clients write down becomes the request that they meant, or is refused with the reason."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest

from pubsubctl import submission
from pubsubctl.errors import InvalidRequest
from pubsubctl.exchange import Request
from pubsubctl.job import difference
from pubsubctl.media import guess_type
from pubsubctl.multipart import Upload
from pubsubctl.submission import _KEYS as KEYS
from pubsubctl.submission import Submission, of_line, of_mapping


def build(*parts, **more) -> Request:
    """With its content in memory."""
    return submission.build(*parts, **more).whole().request


def of_file(*parts, **more) -> Request:
    return submission.of_file(*parts, **more).whole().request


def body_and_type(request: Request) -> tuple[bytes, str | None]:
    return request.body, request.header("content-type")


@dataclass
class Form:
    """A form as an application reads it: (name, value) and (name, file name, type, content)."""

    fields: list[tuple[str, str]]
    files: list[tuple[str, str, str, bytes]]


def form_of(request: Request) -> Form:
    environ = EnvironBuilder(method="POST", data=request.body, headers=list(request.headers)).get_environ()
    with WerkzeugRequest(environ) as read:
        return Form(
            list(read.form.items(multi=True)),
            [(name, f.filename, f.content_type, f.read()) for name, f in read.files.items(multi=True)],
        )


# --- build ----------------------------------------------------------------------------------------------------------


def test_without_a_body_it_is_a_get_and_with_one_a_post():
    assert build(None, "/").method == "GET"
    assert build(None, "/", json_body={}).method == "POST"
    assert build(None, "/", data=b"").method == "POST"
    assert build(None, "/", form=[("a", "1")]).method == "POST"
    assert build("put", "/", data=b"x").method == "PUT"


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({}, (b"", None)),
        ({"json_body": {"a": [1, None, "é"]}}, (b'{"a": [1, null, "\\u00e9"]}', "application/json")),
        ({"json_body": 0}, (b"0", "application/json")),
        ({"data": "é"}, (b"\xc3\xa9", "text/plain; charset=utf-8")),
        ({"data": b"\xff"}, (b"\xff", "application/octet-stream")),
    ],
)
def test_a_body_says_what_it_is(keywords, expected):
    assert body_and_type(build("POST", "/", **keywords)) == expected


@pytest.mark.parametrize("headers", [{"CONTENT-type": "text/csv"}, [("X", "1"), ("Content-Type", "text/csv")]])
def test_a_content_type_given_goes_before_that_of_the_body(headers):
    assert body_and_type(build("POST", "/", data="a,b", headers=headers)) == (b"a,b", "text/csv")


def test_two_bodies_are_refused():
    with pytest.raises(InvalidRequest, match="one body, not json and data"):
        build("POST", "/", json_body={}, data=b"")
    with pytest.raises(InvalidRequest, match="one body, not data and form"):
        build("POST", "/", data="", form=[("a", "1")])


def test_text_that_is_not_unicode_is_refused():
    with pytest.raises(InvalidRequest, match="not valid Unicode"):
        build("POST", "/", data="\ud800")
    with pytest.raises(InvalidRequest, match="not valid Unicode"):
        build("POST", "/", form=[("a", "\udfff")])


# --- multipart forms ------------------------------------------------------------------------------------------------


def test_an_application_reads_the_fields_and_files_that_were_sent():
    content = b"--pubsubctl\r\n\x00\xff\r\n\r\n--"
    request = build(
        None,
        "/",
        form=[
            ("a", "1"),
            ("file", Upload('日本 "x".bin', content, "image/png")),
            ("b", "é\r\nline"),
            ("a", "2"),
            ("file", Upload("empty", b"", "text/plain")),
        ],
    )
    read = form_of(request)
    assert sorted(read.fields) == [("a", "1"), ("a", "2"), ("b", "é\r\nline")]
    assert read.files == [("file", '日本 "x".bin', "image/png", content), ("file", "empty", "text/plain", b"")]


def test_the_fields_keep_their_order():
    body = build(None, "/", form=[("a", "1"), ("b", "2"), ("a", "3")]).body
    assert [line for line in body.split(b"\r\n") if len(line) == 1] == [b"1", b"2", b"3"]


def test_the_same_form_is_the_same_request_and_another_is_not():
    form = [("a", "1"), ("f", Upload("x", b"y", "text/plain"))]
    assert build(None, "/", form=form) == build(None, "/", form=list(form))
    assert build(None, "/", form=form).header("content-type") != build(None, "/", form=form[:1]).header("content-type")


def test_a_name_cannot_break_out_of_its_header():
    name = 'a"\r\nX-Evil: 1\r\n\r\nb'
    read = form_of(build(None, "/", form=[(name, "1"), ("f", Upload(name, b"2", 'text/plain"\r\nX: y'))]))
    harmless = 'a"%0D%0AX-Evil: 1%0D%0A%0D%0Ab'
    assert read.fields == [(harmless, "1")]
    assert read.files == [("f", harmless, "text/plain%22%0D%0AX: y", b"2")]


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
plain_names = st.text(st.characters(codec="ascii", categories=["L", "Nd"]), min_size=1, max_size=8)


uploads = st.builds(Upload, plain_names, st.binary(max_size=60), st.just("a/b"))


@given(st.lists(st.tuples(plain_names, texts | uploads), min_size=1, max_size=6))
def test_every_form_is_read_as_it_was_written(form):
    read = form_of(build("POST", "/", form=form))
    assert sorted(read.fields) == sorted((name, value) for name, value in form if isinstance(value, str))
    sent = [(name, value) for name, value in form if isinstance(value, Upload)]
    assert sorted(read.files) == sorted((name, file.filename, "a/b", file.content) for name, file in sent)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain"),
        ("a.JSON", "application/json"),
        ("a.png", "image/png"),
        ("a.tar.gz", "application/gzip"),
        ("a.csv.bz2", "application/x-bzip2"),
        ("a.tar.xz", "application/x-xz"),
        ("a.txt.Z", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_is_guessed_by_its_name(name, media_type):
    assert guess_type(Path("/some.where") / name) == media_type


def test_a_file_is_the_body(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b'{"a": \xff')
    assert of_file(None, "/p", file) == Request.of("POST", "/p", [("content-type", "application/json")], b'{"a": \xff')
    assert body_and_type(of_file("PUT", "/p", file, headers={"Content-Type": "x/y"})) == (b'{"a": \xff', "x/y")


def test_a_file_is_a_field_of_a_form(tmp_path):
    file = tmp_path / "é.png"
    file.write_bytes(b"\x89PNG")
    request = of_file(None, "/p", file, field="image")
    assert request.method == "POST"
    assert form_of(request).files == [("image", "é.png", "image/png", b"\x89PNG")]


@pytest.mark.parametrize("field", [None, "f"])
def test_a_file_that_cannot_be_read_is_named(field, tmp_path):
    with pytest.raises(InvalidRequest, match=r"cannot read .*/no-such: No such file"):
        of_file(None, "/", tmp_path / "no-such", field=field)
    with pytest.raises(InvalidRequest, match="Is a directory"):
        of_file(None, "/", tmp_path, field=field)


# --- lines ----------------------------------------------------------------------------------------------------------


def test_a_line_holds_everything_that_a_job_can_have():
    line = json.dumps(
        {
            "method": "put",
            "path": "/p?x=é",
            "headers": {"X-A": "1"},
            "json": {"b": 2},
            "idempotency_key": "k",
            "ordering_key": "o",
            "delay": "2m",
            "job_timeout": 1.5,
            "max_attempts": 3,
        }
    )
    assert of_line(line) == Submission(
        Request.of("PUT", "/p?x=é", [("X-A", "1"), ("content-type", "application/json")], b'{"b": 2}'),
        idempotency_key="k",
        ordering_key="o",
        delay_s=120.0,
        timeout_s=1.5,
        max_attempts=3,
    )


@pytest.mark.parametrize(
    ("item", "method", "expected"),
    [
        ({}, "GET", (b"", None)),
        ({"json": None}, "POST", (b"null", "application/json")),
        ({"data": "é"}, "POST", (b"\xc3\xa9", "text/plain; charset=utf-8")),
        ({"data": ""}, "POST", (b"", "text/plain; charset=utf-8")),
        ({"data_base64": "/wA="}, "POST", (b"\xff\x00", "application/octet-stream")),
        ({"data": "a,b", "headers": {"content-TYPE": "text/csv"}}, "POST", (b"a,b", "text/csv")),
        ({"data": "x", "method": "DELETE"}, "DELETE", (b"x", "text/plain; charset=utf-8")),
        ({"method": None, "headers": None, "idempotency_key": None, "delay": None}, "GET", (b"", None)),
    ],
)
def test_a_line_has_one_of_three_bodies(item, method, expected):
    request = of_mapping({"path": "/", **item}).request
    assert request.method == method
    assert body_and_type(request) == expected


def test_headers_may_be_pairs_so_that_one_can_be_repeated():
    request = of_mapping({"path": "/", "headers": [["X", "1"], ("X", "2")]}).request
    assert request.headers == (("x", "1, 2"),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "no JSON: Expecting value"),
        ("{", "no JSON"),
        (b"\xff", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "a JSON object, not list"),
        ("null", "a JSON object, not NoneType"),
        ("{}", "'path' must be there"),
        ('{"path": 1}', "'path' must be there, and a string"),
        ('{"path": "p"}', "must begin with '/'"),
        ('{"path": "/", "method": "BREW"}', "unknown method 'BREW'"),
        ('{"path": "/", "method": 1}', "'method' must be a string"),
        ('{"path": "/", "body": 1}', "unknown key 'body'; a request has method, path"),
        ('{"path": "/", "json": 1, "data": ""}', "one body, not json and data"),
        ('{"path": "/", "data": 1}', "'data' must be a string"),
        ('{"path": "/", "data": "\\ud800"}', "not valid Unicode"),
        ('{"path": "/", "data_base64": "%%"}', "'data_base64' is no base64"),
        ('{"path": "/", "data_base64": "é"}', "'data_base64' is no base64"),
        ('{"path": "/", "headers": "X: 1"}', "'headers' must be an object of strings"),
        ('{"path": "/", "headers": {"X": 1}}', "'headers' must be an object of strings"),
        ('{"path": "/", "headers": [["X"]]}', "a list of pairs"),
        ('{"path": "/", "headers": {"X": "\\n"}}', "line break"),
        ('{"path": "/", "idempotency_key": 7}', "'idempotency_key' must be a string"),
        ('{"path": "/", "idempotency_key": "\\udc00"}', "not valid Unicode"),
        ('{"path": "/", "ordering_key": []}', "'ordering_key' must be a string"),
        (json.dumps({"path": "/", "ordering_key": "é" * 513}), "ordering key has 1,026 bytes.*allows 1,024"),
        ('{"path": "/", "delay": "soon"}', "'delay' must be a duration"),
        ('{"path": "/", "delay": -1}', "'delay' must be a duration"),
        ('{"path": "/", "delay": "367d"}', "at most 366 days"),
        ('{"path": "/", "job_timeout": true}', "'job_timeout' must be a duration"),
        ('{"path": "/", "job_timeout": 0}', "'job_timeout' must be longer than nothing"),
        ('{"path": "/", "max_attempts": 0}', "'max_attempts' must be a whole number, 1 or more"),
        ('{"path": "/", "max_attempts": true}', "'max_attempts' must be a whole number"),
        ('{"path": "/", "max_attempts": 1.5}', "'max_attempts' must be a whole number"),
    ],
)
def test_a_line_that_is_no_request_is_refused_with_the_reason(line, why):
    with pytest.raises(InvalidRequest, match=why):
        of_line(line)


@pytest.mark.parametrize(
    "terms",
    [{"delay_s": -1.0}, {"delay_s": float("nan")}, {"timeout_s": 0.0}, {"max_attempts": 0}, {"max_attempts": 1.5}],
)
def test_terms_that_cannot_be_kept_are_refused_wherever_they_come_from(terms):
    with pytest.raises(InvalidRequest):
        Submission(Request.of("GET", "/"), **terms)


@given(st.binary(max_size=200))
def test_every_body_comes_through_base64(body):
    encoded = base64.b64encode(body).decode()
    assert of_line(json.dumps({"path": "/", "data_base64": encoded})).request.body == body


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(KEYS)


@given(st.dictionaries(keys, json_values | st.just("/") | st.just("get") | st.just("5s")) | json_values)
def test_no_line_does_anything_but_become_a_request_or_be_refused(item):
    try:
        submission = of_line(json.dumps(item))
    except InvalidRequest:
        return
    assert submission.request.path.startswith("/")


# --- idempotency keys -----------------------------------------------------------------------------------------------


def keyed(header, given=None, **more):
    return Submission(Request.of("POST", "/", [("Idempotency-Key", header)]), idempotency_key=given, **more)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ('"8e03978e-40d5-43dd"', "8e03978e-40d5-43dd"),
        ("8e03978e-40d5-43dd", "8e03978e-40d5-43dd"),
        (r'"a \"b\" \\c"', r'a "b" \c'),
        ('"k"; v=1', "k"),
    ],
)
def test_the_header_gives_the_idempotency_key(header, key):
    submission = keyed(header)
    assert submission.idempotency_key == key
    assert submission.request.header("idempotency-key") == header, "the application sees it as it was sent"


def test_the_key_and_the_header_may_both_be_given_where_they_agree():
    assert keyed('"k"', "k").idempotency_key == "k"
    with pytest.raises(InvalidRequest, match="'k' is not that of the header, 'other'"):
        keyed('"other"', "k")


@pytest.mark.parametrize("header", ['"', '"a', '"a"b', r'"a\b"', '"a", "b"'])
def test_a_header_that_is_no_string_is_refused(header):
    with pytest.raises(InvalidRequest, match="is no string"):
        keyed(header)


@pytest.mark.parametrize(("header", "given"), [('""', None), ("", None), ("k", "")])
def test_an_empty_key_is_refused(header, given):
    with pytest.raises(InvalidRequest, match="must not be empty"):
        keyed(header, given)


def test_a_line_may_have_its_key_in_a_header():
    assert of_line('{"path": "/", "headers": {"Idempotency-Key": "k"}}').idempotency_key == "k"


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (Request.of("PUT", "/", [], b"x"), "method"),
        (Request.of("POST", "/y", [], b"x"), "path"),
        (Request.of("POST", "/", [], b"y"), "body"),
        (Request.of("POST", "/", [("Accept", "a/b")], b"x"), "'accept' header"),
        (Request.of("POST", "/", [("Traceparent", "00-1"), ("Idempotency-Key", "k"), ("Date", "d")], b"x"), None),
    ],
)
def test_what_two_requests_of_a_key_differ_in(other, differs):
    first = Request.of("POST", "/", [("Traceparent", "00-0")], b"x")
    assert difference(first, other) == difference(other, first) == differs
