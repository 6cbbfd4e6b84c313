"""What a gateway puts up with: sizes, waits, paths."""

import http.client
import io
import time

import pytest
from dashboard_jobs import added
from flask import Request
from raw_socket import exchange
from werkzeug.test import EnvironBuilder

from pubsubctl.errors import RequestTooLarge, UsageError
from pubsubctl.gateway import inbound
from pubsubctl.gateway.terms import Terms

MOST = 100_000


@pytest.fixture(scope="module")
def bounded(surroundings):
    with surroundings.gateway(Terms(max_body=MOST, max_wait_s=1, max_waits=2, allow=("/echo/*", "/until*"))) as asking:
        yield asking


def jobs(surroundings):
    return sum(surroundings.client.store.counts().values())


def test_a_body_as_large_as_may_be_is_taken(bounded, surroundings):
    answer = bounded("POST", "/echo/x", bytes(MOST), {"Prefer": "respond-async"})
    assert answer.status == 202
    assert surroundings.client.store.request(answer.json["id"]).size == MOST


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_larger_body_is_413_and_makes_no_job(bounded, surroundings, chunked):
    before = jobs(surroundings)
    body = iter([bytes(MOST // 2)] * 2 + [b"x"]) if chunked else bytes(MOST + 1)
    answer = bounded("POST", "/echo/x", body)
    assert (answer.status, answer.header("content-type")) == (413, "application/problem+json")
    assert str(MOST) in answer.json["detail"]
    assert jobs(surroundings) == before


def test_a_body_that_would_be_too_large_is_refused_before_it_is_sent(bounded):
    head = f"POST /echo/x HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST * 1000}\r\nExpect: 100-continue\r\n\r\n"
    said = exchange(bounded.address, head.encode())
    assert said.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("most", [10, MOST])
def test_a_body_whose_length_nobody_has_said_is_bounded_as_it_is_read(most):
    def came(size):
        builder = EnvironBuilder(method="POST", input_stream=io.BytesIO(bytes(size)), content_length=None)
        request = Request(builder.get_environ() | {"wsgi.input_terminated": True})
        content = inbound.body(request, most)
        return content if content is None else content.read()

    assert came(0) is None
    for size in (1, most - 1, most):
        assert came(size) == bytes(size)
    for size in (most + 1, most * 100):
        with pytest.raises(RequestTooLarge, match=str(most)):
            came(size)


def test_header_fields_that_are_too_large_are_431(bounded):
    answer = bounded("GET", "/echo/x", headers={"X-Large": "x" * 70_000})
    assert (answer.status, answer.header("content-type")) == (431, "application/problem+json")


def test_more_header_fields_than_a_message_carries_are_431(bounded, surroundings):
    before = jobs(surroundings)
    answer = bounded("GET", "/echo/x", headers={f"X-{number}": "1" for number in range(200)})
    assert (answer.status, answer.header("content-type")) == (431, "application/problem+json")
    assert jobs(surroundings) == before


@pytest.mark.parametrize("path", ["/other", "/echo", "/", "/x/echo/x", "/ECHO/x", "//echo/x"])
def test_a_path_that_is_not_allowed_is_404_and_makes_no_job(bounded, surroundings, path):
    before = jobs(surroundings)
    answer = bounded("POST", path, b"x")
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")
    assert jobs(surroundings) == before


@pytest.mark.parametrize("path", ["/echo/x", "/echo/", "/echo/x/y", "/%65cho/x"])
def test_a_path_that_is_allowed_becomes_a_job(bounded, path):
    assert bounded("POST", path, b"x").status == 202


def test_nobody_waits_longer_than_may_be_and_is_not_told_so(bounded, folder):
    began = time.monotonic()
    answer = bounded("GET", f"/until{folder}/go", headers={"Prefer": "wait=3600"})
    assert 1 <= time.monotonic() - began < 30
    assert (answer.status, answer.header("preference-applied")) == (202, None)
    (folder / "go").touch()


def test_whoever_comes_when_all_places_are_taken_is_told_where_to_ask_at_once(surroundings):
    job_id = added(surroundings.client)
    with surroundings.gateway(Terms(max_waits=1)) as ask:
        connection = http.client.HTTPConnection(ask.address, timeout=30)
        connection.request("GET", f"/_jobs/{job_id}/events")
        stream = connection.getresponse()
        assert stream.status == 200
        began = time.monotonic()
        answer = ask("POST", "/other", b"x", {"Prefer": "wait=50, respond-async"})
        assert time.monotonic() - began < 25
        assert (answer.status, answer.header("preference-applied")) == (202, "respond-async")
        stream.close()
        connection.close()


def test_a_default_wait_is_for_those_who_say_nothing(surroundings):
    with surroundings.gateway(Terms(default_wait_s=30)) as ask:
        assert ask("GET", "/predict").status == 200
        assert ask("GET", "/predict", headers={"Prefer": "respond-async"}).status == 202
        assert ask("GET", "/predict", headers={"Prefer": "wait=0"}).status == 202
        assert ask("GET", "/predict").header("preference-applied") is None


def test_a_default_wait_longer_than_the_longest_is_refused():
    with pytest.raises(UsageError, match="longer"):
        Terms(default_wait_s=61)
