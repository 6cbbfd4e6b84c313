"""Who is kept out where there is no token, and what is kept from the application where there is one."""

import socket

import pytest

from pubsubctl.gateway import Terms

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def local(surroundings):
    with surroundings.gateway(Terms(hosts=(), cors_origins=("https://friend.example",))) as asking:
        yield asking


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_submits_nothing(local, headers):
    answer = local("POST", "/echo/x", b"x", {"Content-Type": "text/plain", **headers})
    assert (answer.status, answer.header("content-type")) == (403, "application/problem+json")


def test_a_page_that_may_ask_and_one_of_our_own_do(local):
    assert local("POST", "/echo/x", b"x", {"Origin": "https://friend.example"}).status == 202
    assert local("POST", "/echo/x", b"x", {"Origin": f"http://{local.address}"}).status == 202


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 403), ("127.0.0.1.evil.example:80", 403), ("localhost:8080", 202), ("[::1]:80", 202)],
)
def test_a_name_that_others_may_own_is_not_answered_to(local, host, status):
    assert said(local, [host]).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("target", ["/_dashboard//echo/x", "/_dashboard/x", "//_dashboard//x", "/_jobs//x"])
@pytest.mark.parametrize("dashboard", [True, False])
def test_nothing_at_our_own_paths_becomes_a_job_or_passes_the_token_by(surroundings, target, dashboard):
    with surroundings.gateway(Terms(token=TOKEN, dashboard=dashboard)) as ask:
        assert ask("POST", target, b"x").status in {303, 401, 404}
        assert ask("POST", target, b"x", {"Pubsubctl-Token": TOKEN}).status in {303, 404, 405}


def test_the_applications_own_token_comes_to_it_and_the_gateways_does_not(surroundings):
    with surroundings.gateway(Terms(token=TOKEN)) as ask:
        headers = {"Pubsubctl-Token": TOKEN, "Authorization": "Bearer of-the-app", "Prefer": "wait=30"}
        assert ask("GET", "/echo/x", headers=headers).json["headers"]["authorization"] == "Bearer of-the-app"
        headers = {"Authorization": f"Bearer  {TOKEN}", "Prefer": "wait=30"}
        seen = ask("GET", "/echo/x", headers=headers)
        assert TOKEN.encode() not in seen.body


def test_fields_of_the_connection_stay_with_it(ask):
    headers = {"X-Hop": "1", "X-End": "2", "Connection": "close, X-Hop", "Prefer": "wait=30"}
    seen = ask("GET", "/echo/x", headers=headers).json["headers"]
    assert ("x-hop" in seen, seen["x-end"]) == (False, "2")


def test_head_tells_no_length_that_get_has_not(ask):
    answer = ask("HEAD", "/bytes/1000", headers={"Prefer": "wait=30"})
    assert answer.status == 200
    assert answer.header("content-length") in {None, "1024"}


def test_no_wait_is_said_to_be_applied_where_there_was_none(surroundings):
    with surroundings.gateway(Terms(max_waits=0)) as ask:
        answer = ask("GET", "/echo/x", headers={"Prefer": "respond-async, wait=30"})
        assert (answer.status, answer.header("preference-applied")) == (202, "respond-async")


@pytest.mark.parametrize("hosts", [[], ["a", "b"], ["a/b"], ["a, b"]])
def test_a_request_without_one_host_is_none(ask, hosts):
    assert said(ask, hosts).startswith(b"HTTP/1.1 400 ")


def said(ask, hosts):
    host, _, port = ask.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        lines = ["GET /echo/x HTTP/1.1", *(f"Host: {name}" for name in hosts), "Connection: close", "", ""]
        client.sendall("\r\n".join(lines).encode())
        return client.recv(100)
