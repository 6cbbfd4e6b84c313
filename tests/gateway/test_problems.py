"""Errors are problem details (RFC 9457), and tell nothing of what is behind the gateway."""

import json
import re

import pytest
from raw_socket import exchange

from pubsubctl import errors
from pubsubctl.gateway.problems import later, of_error, problem

REFUSALS = [
    ("GET", "/_jobs/none", 404),
    ("GET", "/_jobs/none/result", 404),
    ("GET", "/_jobs/none/events", 404),
    ("DELETE", "/_jobs/none", 404),
    ("GET", "/_jobs/no%20id", 404),
    ("GET", "/_jobs/" + "x" * 65, 404),
    ("GET", "/_jobs/none/else", 404),
    ("GET", "/_jobs?limit=0", 400),
    ("POST", "/_jobs", 405),
    ("PUT", "/_jobs/none", 405),
    ("DELETE", "/_jobs/none/result", 405),
    ("BREW", "/_jobs/none/events", 405),
    ("BREW", "/echo/x", 501),
    ("CONNECT", "/echo/x", 501),
]


@pytest.mark.parametrize(("method", "target", "status"), REFUSALS)
def test_a_refusal_is_a_problem_document_that_nobody_keeps(ask, method, target, status):
    answer = ask(method, target)
    assert (answer.status, answer.header("content-type")) == (status, "application/problem+json")
    assert answer.header("cache-control") == "no-store"
    said = answer.json
    assert {name: type(said[name]) for name in ("type", "title", "status", "detail")} == {
        "type": str,
        "title": str,
        "status": int,
        "detail": str,
    }
    assert (said["type"], said["status"]) == ("about:blank", status)
    assert said["detail"]


@pytest.mark.parametrize("target", ["/_jobs/none", "/_jobs/none/result", "/_jobs?cursor=x", "/_jobs/none/events"])
def test_a_refusal_does_not_tell_where_the_store_is(ask, surroundings, target):
    answer = ask("GET", target)
    assert answer.status in {400, 404}
    assert str(surroundings.folder) not in answer.body.decode()
    assert "sqlite" not in answer.body.decode()


@pytest.mark.parametrize(
    "request_",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://[x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=ascii,
)
def test_what_is_no_request_is_answered_or_hung_up_on_and_the_next_one_is_served(ask, request_):
    said = exchange(ask.address, request_)
    first = said.partition(b"\r\n")[0]
    assert first.split()[1:2][0][:1] in {b"2", b"4", b"5"} if first else True
    assert b"Traceback" not in said
    assert b" 500 " not in first
    assert ask("GET", "/_jobs").status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3",
        b"HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity",
        b"HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5",
        b"HTTP/1.1\r\nHost: localhost\r\nContent-Length : 5",
    ],
    ids=ascii,
)
def test_no_request_is_smuggled_in_the_body_of_another(ask, surroundings, head):
    before = sum(surroundings.client.store.counts().values())
    following = b"POST /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    said = exchange(ask.address, b"POST /x " + head + b"\r\n\r\n0\r\n\r\n" + following)
    assert said.partition(b"\r\n")[0].split()[1] in {b"400", b"501"}
    assert len(re.findall(rb"HTTP/1\.[01] \d{3} ", said)) == 1
    assert re.findall(rb"\r\nConnection: (.+?)\r\n", said) == [b"close"]
    assert sum(surroundings.client.store.counts().values()) == before


@pytest.mark.parametrize("fields", ["X: y", "Host: a\r\nHost: b", "Host: a:b", "Host: [::1", "Host: a b"], ids=ascii)
def test_a_request_that_does_not_say_to_whom_is_400(ask, fields):
    said = exchange(ask.address, f"GET /_jobs HTTP/1.1\r\n{fields}\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 400 ")


def test_a_refusal_to_head_has_no_content(ask):
    said = exchange(ask.address, b"HEAD /_jobs/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert body == b""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.RequestTooLarge("x"), 413),
        (errors.TooManyHeaders("x"), 431),
        (errors.KeyReused("x"), 422),
        (errors.InvalidRequest("x"), 400),
        (errors.InvalidName("x"), 404),
        (errors.JobNotFound("x"), 404),
        (errors.ResultNotReady("x"), 409),
        (errors.NoResult("x"), 410),
        (errors.PayloadMissing("x"), 410),
        (errors.StoreUnreachable("x"), 503),
        (errors.PayloadsUnreachable("x"), 503),
        (errors.AccessDenied("x"), 502),
        (errors.BrokerError("x"), 502),
        (errors.StoreError("x"), 500),
        (errors.PubsubctlError("x"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_of_ours_has_its_status(error, status):
    answer = of_error(error)
    assert answer.status_code == json.loads(answer.get_data())["status"] == status
    assert ("Retry-After" in answer.headers) is (status == 503)


def test_an_error_that_is_not_the_clients_says_nothing_of_its_cause():
    for kind in (errors.StoreError, errors.AccessDenied, errors.StoreUnreachable, errors.PubsubctlError):
        assert b"/var/secret" not in of_error(kind("cannot read /var/secret")).get_data()


def test_a_problem_may_have_more_members_and_fields():
    answer = problem(409, "no", headers={"Retry-After": "3"}, state="failed")
    assert json.loads(answer.get_data())["state"] == "failed"
    assert answer.headers["Retry-After"] == "3"


@pytest.mark.parametrize(("seconds", "said"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (59.5, "60")])
def test_retry_after_is_in_whole_seconds_and_at_least_one(seconds, said):
    assert later(seconds) == {"Retry-After": said}
