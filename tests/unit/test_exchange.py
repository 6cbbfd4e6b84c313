from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.errors import InvalidRequest
from pubsubctl.exchange import METHODS, Meaning, Request, Response, RetryOn, combine, meaning, retry_after

TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20).filter(
    lambda value: not any("\x80" <= c <= "\x9f" for c in value)
)
HEADERS = st.lists(st.tuples(TOKENS, VALUES), max_size=6)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("method", [*METHODS, "get", "Post"])
def test_a_method_is_taken_in_any_case(method):
    assert Request.of(method, "/").method == method.upper()


@pytest.mark.parametrize("method", ["", "CONNECT", "GET ", "BREW"])
def test_a_method_that_is_none_is_refused_naming_those_that_are(method):
    with pytest.raises(InvalidRequest, match=r"unknown method .*GET, HEAD, POST"):
        Request.of(method, "/")


@pytest.mark.parametrize("path", ["/", "/a?b=c&d", "/%2F", "//x", "/caf\xe9/\N{SNOWMAN}", "/a b"])
def test_a_path_is_kept_as_it_was_submitted(path):
    assert Request.of("GET", path).path == path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "must begin with '/'"),
        ("a/b", "must begin with '/'"),
        ("http://host/", "must begin with '/'"),
        ("/a#b", "fragment"),
        ("/a\nb", "control character"),
        ("/a\x7f", "control character"),
        ("/\udcff", "not valid Unicode"),
    ],
)
def test_what_cannot_be_a_path_is_refused_with_the_reason(path, words):
    with pytest.raises(InvalidRequest, match=words):
        Request.of("GET", path)


def test_header_names_are_lower_case_and_in_order():
    request = Request.of("GET", "/", [("X-B", "2"), ("Accept", "*/*"), ("X-A", " 1\t")])
    assert request.headers == (("accept", "*/*"), ("x-a", "1"), ("x-b", "2"))


def test_repeated_fields_are_combined_in_their_order_and_cookies_in_their_own_way():
    fields = [("Via", "a"), ("cookie", "a=1"), ("VIA", "b"), ("Cookie", "b=2")]
    assert combine(fields) == (("cookie", "a=1; b=2"), ("via", "a, b"))


@pytest.mark.parametrize("name", ["Connection", "content-length", "Transfer-Encoding", "Upgrade", "TE", "Keep-Alive"])
def test_fields_of_the_connection_are_not_carried(name):
    assert combine([(name, "x"), ("Host", "h")]) == (("host", "h"),)


@pytest.mark.parametrize("name", ["", "a b", "a:", "caf\xe9", "a\n"])
def test_a_name_that_is_no_token_is_refused(name):
    with pytest.raises(InvalidRequest, match="header name"):
        combine([(name, "x")])


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\x00", "\N{SNOWMAN}", "\x1b[0m"])
def test_a_value_that_no_header_may_carry_is_refused(value):
    with pytest.raises(InvalidRequest, match="value of the header 'X-A'"):
        combine([("X-A", value)])


@given(HEADERS)
def test_the_canonical_form_is_its_own_canonical_form(headers):
    once = combine(headers)
    assert combine(once) == once
    names = [name for name, _ in once]
    assert names == sorted(set(names))
    assert all(name == name.lower() for name in names)


OF_THE_CONNECTION = {
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


@given(HEADERS)
def test_no_field_that_is_carried_is_lost(headers):
    combined = dict(combine(headers))
    for name, value in headers:
        if name.lower() not in OF_THE_CONNECTION:
            assert value.strip(" \t") in combined[name.lower()]


def test_a_header_of_a_request_is_found_by_its_lower_case_name():
    request = Request.of("GET", "/", [("X-A", "1")])
    assert request.header("x-a") == "1"
    assert request.header("x-b") is None


def test_the_first_header_of_a_response_is_found_in_any_case():
    response = Response(200, (("Set-Cookie", "a"), ("set-cookie", "b")))
    assert response.header("SET-COOKIE") == "a"
    assert response.header("x") is None


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (None, "\N{SNOWMAN}".encode(), "\N{SNOWMAN}"),
        ("text/plain; charset=latin-1", b"caf\xe9", "caf\xe9"),
        ('text/plain; Charset="UTF-16-LE"', "hi".encode("utf-16-le"), "hi"),
        ("text/plain; charset=klingon", b"hi", "hi"),
        ("text/plain; charset=undefined", b"hi\xff", "hi\N{REPLACEMENT CHARACTER}"),
        ("text/plain; charset=idna", b"hi\xff", "hi\N{REPLACEMENT CHARACTER}"),
        ("text/plain; charset=punycode", b"hi\xff", "hi\N{REPLACEMENT CHARACTER}"),
        ("text/plain; charset=base64", b"hi", "hi"),
        ("text/plain", b"\xff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_body_is_text_in_the_charset_that_it_names(content_type, body, text):
    headers = (("Content-Type", content_type),) if content_type else ()
    assert Response(200, headers, body).text == text


def test_a_body_is_parsed_as_json_or_refused():
    assert Response(200, (), b'{"a": 1}').json() == {"a": 1}
    with pytest.raises(ValueError, match="Expecting"):
        Response(200, (), b"").json()


@given(st.integers(100, 999))
def test_every_status_means_something(status):
    expected = Meaning.SUCCEEDED if 200 <= status < 400 else Meaning.FAILED
    if status in {408, 425, 429, 500, 502, 503, 504}:
        expected = Meaning.RETRY
    assert meaning(status) is expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30.0),
        ("Fri, 02 Jan 2026 03:04:35 -0000", 30.0),
        ("Fri, 02 Jan 2026 02:00:00 GMT", 0.0),
        ("-1", None),
        ("1.5", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_else_passed_over(value, seconds):
    assert retry_after(Response(503, (("Retry-After", value),)), now=NOW) == seconds


def test_a_response_without_retry_after_asks_for_nothing():
    assert retry_after(Response(503), now=NOW) is None


@given(st.integers(0, 86400))
def test_a_date_asks_for_the_seconds_until_it(seconds):
    date = format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)
    assert retry_after(Response(503, (("Retry-After", date),)), now=NOW) == seconds


@pytest.mark.parametrize("value", ["1" * 400, "86401", "Fri, 02 Jan 9998 03:04:35 GMT"])
def test_no_retry_is_put_off_for_longer_than_a_day(value):
    assert retry_after(Response(503, (("Retry-After", value),)), now=NOW) == 86400


def test_a_date_that_no_clock_has_is_passed_over():
    value = "Fri, 02 Jan 99999999999999999999 03:04:35 GMT"
    assert retry_after(Response(503, (("Retry-After", value),)), now=NOW) is None


@given(st.text(max_size=40))
def test_no_retry_after_makes_it_fail(value):
    seconds = retry_after(Response(503, (("Retry-After", value),)), now=NOW)
    assert seconds is None or seconds >= 0


# --- what is worth another attempt ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("none", RetryOn(frozenset(), timeout=False, crash=False)),
        ("None", RetryOn(frozenset(), timeout=False, crash=False)),
        ("503", RetryOn(frozenset({503}), timeout=False, crash=False)),
        ("503, timeout", RetryOn(frozenset({503}), timeout=True, crash=False)),
        ("crash", RetryOn(frozenset(), timeout=False, crash=True)),
        ("500-502,404,TIMEOUT,Crash", RetryOn(frozenset({404, 500, 501, 502}))),
        ("500-500", RetryOn(frozenset({500}), timeout=False, crash=False)),
        ("1xx", RetryOn(frozenset(range(100, 200)), timeout=False, crash=False)),
        ("5XX,503", RetryOn(frozenset(range(500, 600)), timeout=False, crash=False)),
    ],
)
def test_what_is_retried_is_read_from_statuses_and_words(text, wanted):
    assert RetryOn.of(text) == wanted


@pytest.mark.parametrize(
    "text", ["", ",", "none,503", "503,none", "6xx", "99", "600", "503-500", "5x", "time", "500;503", "-1"]
)
def test_what_names_nothing_that_happens_is_refused_with_an_example(text):
    with pytest.raises(
        ValueError, match=r"statuses, such as 429,500-504,5xx, and the words timeout and crash, or none"
    ):
        RetryOn.of(text)


@given(st.sets(st.integers(100, 599), min_size=1), st.booleans(), st.booleans())
def test_any_set_of_statuses_can_be_written(statuses, timeout, crash):
    words = [*map(str, statuses), *["timeout"] * timeout, *["crash"] * crash]
    assert RetryOn.of(",".join(words)) == RetryOn(frozenset(statuses), timeout, crash)


@given(st.integers(100, 999))
def test_what_is_to_be_retried_is_no_success_and_no_failure_whatever_it_means_otherwise(status):
    assert meaning(status, frozenset({status})) is Meaning.RETRY
    assert meaning(status, frozenset()) is (Meaning.SUCCEEDED if 200 <= status < 400 else Meaning.FAILED)
