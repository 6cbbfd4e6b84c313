"""What the application answered comes out as it was; but for what belongs to a connection, or would break one."""

import json

import pytest
from dashboard_jobs import answered
from raw_socket import exchange

from pubsubctl.exchange import Response

WAIT = {"Prefer": "wait=30"}
HOP_BY_HOP = [
    ("Connection", "keep-alive, X-Named"),
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Authenticate", "Basic"),
    ("Proxy-Connection", "close"),
    ("TE", "trailers"),
    ("Trailer", "X-Later"),
    ("Transfer-Encoding", "chunked"),
    ("Upgrade", "websocket"),
    ("X-Named", "of the connection"),
]


def raw(ask, **said):
    return ask("POST", "/raw", json.dumps(said).encode(), WAIT)


def one_request(ask, method, target, *fields):
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *fields]
    head, _, body = exchange(ask.address, "\r\n".join([*lines, "", ""]).encode()).partition(b"\r\n\r\n")
    first, *others = head.decode("latin-1").split("\r\n")
    return first, [(line.partition(":")[0].lower(), line.partition(":")[2].strip()) for line in others], body


def test_fields_of_a_connection_are_not_passed_on(ask):
    answer = raw(ask, headers=[*HOP_BY_HOP, ("X-Own", "1")], body="all of it")
    assert (answer.status, answer.body, answer.header("x-own")) == (200, b"all of it", "1")
    assert not {name.lower() for name, _ in HOP_BY_HOP} & {name for name, _ in answer.headers}
    assert answer.header("content-length") == "9"


def test_repeated_fields_stay_apart_and_in_order(ask):
    headers = [("Set-Cookie", "a=1; Expires=Wed, 02 Dec 2026 00:00:00 GMT"), ("Set-Cookie", "b=2"), ("X-One", "1")]
    answer = raw(ask, headers=headers)
    assert answer.all("set-cookie") == [value for name, value in headers if name == "Set-Cookie"]


@pytest.mark.parametrize(
    "field",
    [
        ("X-Evil", "a\r\nSet-Cookie: stolen=1"),
        ("X-Evil", "a\nSet-Cookie: stolen=1"),
        ("X-Evil", "a\x00b"),
        ("X-Evil\r\nSet-Cookie", "stolen=1"),
        ("X Evil", "1"),
        ("X-Evil:", "1"),
        ("", "evil"),
        ("X-Evil", "\u20ac"),
    ],
    ids=ascii,
)
def test_no_stored_field_begins_another_line(ask, surroundings, field):
    job_id = answered(surroundings.client, Response(200, (field, ("X-Own", "1")), b"body"))
    answer = ask("GET", f"/_jobs/{job_id}/result")
    assert (answer.status, answer.header("x-own"), answer.body) == (200, "1", b"body")
    assert not [pair for pair in answer.headers if "evil" in pair[0] + pair[1] or "stolen" in pair[0] + pair[1]]


@pytest.mark.parametrize("phrase", ["OK\r\nX-Evil: 1", "OK\nX-Evil: 1", "\u20ac", "a\x00b", "", " "], ids=ascii)
def test_no_stored_reason_phrase_begins_another_line(ask, surroundings, phrase):
    job_id = answered(surroundings.client, Response(299, (), b"body", phrase))
    answer = ask("GET", f"/_jobs/{job_id}/result")
    assert (answer.status, answer.header("x-evil"), answer.body) == (299, None, b"body")


@pytest.mark.parametrize("status", ["200 Fine", "299 Own", "418 I am", "599 Own", "301 Moved"])
def test_status_and_reason_phrase_are_the_applications_own(ask, status):
    answer = raw(ask, status=status)
    first, _, body = one_request(ask, "GET", f"/_jobs/{answer.header('pubsubctl-job')}/result")
    assert (answer.body, body) == (b"raw", b"raw")
    assert first == f"HTTP/1.1 {status}"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_what_has_no_content_has_none_and_no_length_of_it(ask, status):
    waited = raw(ask, status=status, headers=[("ETag", '"x"'), ("Content-Length", "3")])
    assert (waited.status, waited.body, waited.header("etag")) == (int(status[:3]), b"", '"x"')
    first, headers, body = one_request(ask, "GET", f"/_jobs/{waited.header('pubsubctl-job')}/result")
    assert (first, body) == (f"HTTP/1.1 {status}", b"")
    names = {name for name, _ in headers}
    assert not names & {"content-length", "transfer-encoding"}


def test_a_response_of_205_has_no_content(ask):
    waited = raw(ask, status="205 Reset Content")
    first, headers, body = one_request(ask, "GET", f"/_jobs/{waited.header('pubsubctl-job')}/result")
    assert (first, body) == ("HTTP/1.1 205 Reset Content", b"")
    assert dict(headers).get("content-length", "0") == "0"


@pytest.mark.parametrize("status", ["100 Continue", "103 Early Hints", "101 Switching Protocols"])
def test_a_status_that_ends_nothing_is_no_response(ask, status):
    answer = raw(ask, status=status)
    assert (answer.status, answer.header("content-type")) == (502, "application/problem+json")
    kept = ask("GET", f"/_jobs/{answer.header('pubsubctl-job')}/result")
    assert (kept.status, kept.header("content-type")) == (410, "application/problem+json")


def test_a_response_to_head_tells_the_length_of_what_get_would_have(ask):
    first, headers, body = one_request(ask, "HEAD", "/bytes/1000", "Prefer: wait=30")
    assert (first, body) == ("HTTP/1.1 200 OK", b"")
    assert dict(headers)["content-length"] == "1024"
    job_id = dict(headers)["pubsubctl-job"]
    kept = ask("GET", f"/_jobs/{job_id}/result")
    assert (kept.status, kept.body, kept.header("content-length")) == (200, b"", "0")


def test_head_asks_for_what_get_answers_without_the_content(ask):
    job_id = raw(ask, body="a body").header("pubsubctl-job")
    for place in (f"/_jobs/{job_id}", f"/_jobs/{job_id}/result"):
        got = ask("GET", place)
        first, headers, body = one_request(ask, "HEAD", place)
        assert (first.split()[1], body) == (str(got.status), b"")
        assert dict(headers)["content-length"] == str(len(got.body))


def test_a_body_that_a_get_carries_reaches_the_application(ask):
    said = ask("GET", "/echo/x", b"of a GET", WAIT).json
    assert (said["method"], said["body"]) == ("GET", "of a GET")
