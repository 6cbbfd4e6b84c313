"""The gateway's own resources: a job, its result, a page of jobs; and what methods they know."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from dashboard_jobs import added, answered, begun, given_up
from gateway_kit import eventually
from raw_socket import exchange

from pubsubctl.exchange import METHODS, Request, Response
from pubsubctl.gateway import Gateway
from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Outcome

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OWN = {
    "/_jobs": "GET, HEAD, OPTIONS",
    "/_jobs/x": "GET, HEAD, DELETE, OPTIONS",
    "/_jobs/x/result": "GET, HEAD, OPTIONS",
    "/_jobs/x/events": "GET, HEAD, OPTIONS",
    "/_jobs/openapi.json": "GET, HEAD, OPTIONS",
}


@pytest.fixture(scope="module")
def store(surroundings):
    return surroundings.client.store


@pytest.mark.parametrize("place", OWN)
@pytest.mark.parametrize("method", [*METHODS, "BREW"])
def test_a_method_that_a_resource_does_not_know_is_405_with_allow(ask, method, place):
    answer = ask(method, place)
    if method in OWN[place].split(", "):
        assert answer.status != 405
    else:
        assert (answer.status, answer.header("allow")) == (405, OWN[place])


@pytest.mark.parametrize("place", OWN)
def test_options_tells_what_a_resource_knows(ask, place):
    answer = ask("OPTIONS", place)
    assert (answer.status, answer.body, answer.header("allow")) == (204, b"", OWN[place])
    assert answer.header("content-type") is None


def test_options_of_the_server_as_a_whole_tells_what_it_takes(ask, store):
    before = sum(store.counts().values())
    answer = ask("OPTIONS", "*")
    assert (answer.status, answer.header("allow")) == (204, ", ".join(METHODS))
    assert sum(store.counts().values()) == before


@pytest.mark.parametrize("method", ["BREW", "CONNECT", "PROPFIND"])
def test_a_method_that_nobody_knows_is_501(ask, method):
    assert ask(method, "/echo/x").status == 501


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_http_becomes_a_job(ask, surroundings, method):
    answer = ask(method, "/predict", headers={"Prefer": "respond-async"})
    assert answer.status == 202
    assert answer.header("location") == f"/_jobs/{answer.header('pubsubctl-job')}"
    job = surroundings.client.get(answer.header("pubsubctl-job"))
    assert (job.method, job.path) == (method, "/predict")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("//a//b", "//a//b"),
        ("/a/../_jobs", "/a/../_jobs"),
        ("/a%2Fb?x=%20&y", "/a%2Fb?x=%20&y"),
        ("/a?", "/a?"),
        ("http://elsewhere/a?b=c", "/a?b=c"),
        ("http://elsewhere", "/"),
        ("/_jobsx", "/_jobsx"),
        ("/caf%C3%A9", "/caf%C3%A9"),
    ],
)
def test_the_target_is_kept_as_it_was_sent(ask, surroundings, target, path):
    answer = ask("GET", target)
    assert answer.status == 202
    assert surroundings.client.get(answer.json["id"]).path == path


def test_a_job_that_has_not_ended_tells_when_to_ask_again(ask, surroundings):
    job_id = added(surroundings.client, "/x?y=1")
    answer = ask("GET", f"/_jobs/{job_id}")
    assert answer.status == 200
    assert (answer.json["state"], answer.json["path"], answer.json["finished_at"]) == ("queued", "/x?y=1", None)
    assert RFC3339.fullmatch(answer.json["created_at"])
    assert 1 <= int(answer.header("retry-after")) <= 60
    assert answer.header("cache-control") == "no-store"
    assert answer.json["links"] == {
        "self": f"/_jobs/{job_id}",
        "result": f"/_jobs/{job_id}/result",
        "events": f"/_jobs/{job_id}/events",
    }


def test_retry_after_is_what_the_progress_of_a_job_lets_one_expect(ask, surroundings, store):
    job_id = added(surroundings.client)
    attempt = begun(surroundings.client, job_id)
    assert int(ask("GET", f"/_jobs/{job_id}").header("retry-after")) == 1
    store.record([Outcome(job_id, attempt, JobState.SUCCEEDED, response=Response(200))])
    assert ask("GET", f"/_jobs/{job_id}").header("retry-after") is None


def test_what_has_not_ended_has_no_result_yet(ask, surroundings):
    job_id = added(surroundings.client)
    answer = ask("GET", f"/_jobs/{job_id}/result")
    assert (answer.status, answer.header("content-type")) == (409, "application/problem+json")
    assert int(answer.header("retry-after")) >= 1


def test_what_ended_without_a_response_never_has_a_result(ask, surroundings):
    job_id = given_up(surroundings.client, Reason.CRASHED, "its worker died")
    answer = ask("GET", f"/_jobs/{job_id}/result")
    assert (answer.status, answer.header("content-type")) == (410, "application/problem+json")
    assert "its worker died" in answer.json["detail"]
    assert ask("GET", f"/_jobs/{job_id}").json["reason"] == "crashed"


@pytest.mark.parametrize("status", [200, 404, 409, 410, 500])
def test_a_result_of_the_applications_names_its_job_and_so_differs_from_a_refusal(ask, surroundings, status):
    job_id = answered(surroundings.client, Response(status, (("Content-Type", "text/own"),), b"own"))
    answer = ask("GET", f"/_jobs/{job_id}/result")
    assert (answer.status, answer.body, answer.header("content-type")) == (status, b"own", "text/own")
    assert answer.header("pubsubctl-job") == job_id
    assert ask("GET", "/_jobs/none/result").header("pubsubctl-job") is None


def test_delete_cancels_a_job_once_and_again(ask, surroundings):
    job_id = added(surroundings.client)
    for _ in range(2):
        answer = ask("DELETE", f"/_jobs/{job_id}")
        assert (answer.status, answer.json["state"], answer.json["id"]) == (200, "cancelled", job_id)
    assert ask("GET", f"/_jobs/{job_id}/result").status == 410


def test_delete_of_a_job_that_has_ended_is_409(ask, surroundings):
    job_id = answered(surroundings.client)
    answer = ask("DELETE", f"/_jobs/{job_id}")
    assert (answer.status, answer.json["state"]) == (409, "succeeded")
    assert ask("GET", f"/_jobs/{job_id}/result").status == 200


def test_pages_follow_their_links_to_the_last(ask, surroundings):
    made = [added(surroundings.client, "/paged", batch_id="a batch") for _ in range(5)]
    seen, place = [], "/_jobs?batch=a+batch&state=queued&state=running&limit=2"
    for size in (2, 2, 1):
        page = ask("GET", place)
        assert page.status == 200
        assert len(page.json["jobs"]) == size
        seen += [job["id"] for job in page.json["jobs"]]
        place, link = page.json["next"], page.header("link")
        assert link == (None if place is None else f'<{place}>; rel="next"')
    assert place is None
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1001", "limit=x", "limit=-1", "limit=1.0", "limit=", "limit=%D9%A3", "limit=" + "9" * 5000),
        *("state=done", "state=", "state=queued&state=x", "reason=none", "cursor=x", "cursor=", "colour=red"),
        *("older_than=soon", "newer_than=-1", "older_than=", "newer_than=99999999d", "older_than=1e9"),
    ],
)
def test_a_filter_that_is_none_is_400(ask, query):
    answer = ask("GET", f"/_jobs?{query}")
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")
    assert len(answer.body) < 500


@pytest.mark.parametrize(
    "query", ["limit=1", "limit=1000", "older_than=1h", "newer_than=1.5d&older_than=0", "path=%2Fpaged*", "batch=%00"]
)
def test_a_filter_that_finds_nothing_is_no_error(ask, query):
    assert ask("GET", f"/_jobs?{query}").status == 200


def test_links_lead_through_the_place_where_the_gateway_is_mounted(surroundings):
    job_id = answered(surroundings.client)
    gateway = Gateway(surroundings.client)
    site = gateway.wsgi.test_client()
    with closing(gateway):
        links = site.get(f"/_jobs/{job_id}", base_url="http://localhost/gr\xf6\xdfe/a b").json["links"]
        assert links["self"] == f"/gr%C3%B6%C3%9Fe/a%20b/_jobs/{job_id}"
        accepted = site.post("/echo/x", base_url="http://localhost/gr\xf6\xdfe")
        assert accepted.headers["Location"] == f"/gr%C3%B6%C3%9Fe/_jobs/{accepted.json['id']}"
        page = site.get("/_jobs?limit=1", base_url="http://localhost/here")
        assert page.headers["Link"].startswith("</here/_jobs?limit=1&cursor=")
        assert site.get("/_jobs/openapi.json", base_url="http://localhost/here").json["servers"] == [{"url": "/here"}]


def test_a_trailing_slash_makes_no_other_resource(ask):
    first = exchange(ask.address, b"GET /_jobs/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").partition(b"\r\n")[0]
    assert first.split()[1] in {b"200", b"404"}


def test_the_request_of_a_job_is_what_came(ask, store):
    answer = ask("PUT", "/echo/x", b"body", {"X-Own": "1", "Content-Type": "text/plain", "Connection": "X-Named"})
    kept = store.request(answer.json["id"])
    assert isinstance(kept, Request)
    assert (kept.method, kept.body, kept.header("x-own")) == ("PUT", b"body", "1")
    assert kept.header("connection") is None


@pytest.mark.parametrize("field", ["Expect", "Prefer", "Proxy-Authorization", "Pubsubctl-Token"])
def test_what_is_for_the_gateway_does_not_reach_the_application(ask, store, field):
    value = "100-continue" if field == "Expect" else "respond-async"
    answer = ask("POST", "/echo/x", b"", {field: value})
    assert store.request(answer.json["id"]).header(field.lower()) is None


@pytest.mark.parametrize("field", ["Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection", "X-Named"])
def test_fields_of_the_clients_connection_do_not_reach_the_application(ask, store, field):
    answer = ask("GET", "/echo/x", None, {field: "x", "Connection": "X-Named, Keep-Alive"})
    assert store.request(answer.json["id"]).header(field.lower()) is None


def test_preferences_that_are_not_for_the_gateway_go_on(ask, store):
    answer = ask("GET", "/echo/x", None, {"Prefer": "respond-async, return=minimal, wait=0"})
    assert store.request(answer.json["id"]).header("prefer") == "return=minimal"


def test_the_trace_of_the_client_reaches_the_job_and_the_application(ask, store):
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"traceparent": parent, "tracestate": "a=1", "Prefer": "wait=30"}
    answer = ask("GET", "/echo/x", None, headers)
    assert answer.json["headers"]["traceparent"].split("-")[1] == parent.split("-")[1]
    assert answer.json["headers"]["tracestate"] == "a=1"
    assert store.request(answer.header("pubsubctl-job")).header("traceparent").split("-")[1] == parent.split("-")[1]


@pytest.mark.parametrize("parent", ["x", "00-0-0-00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ""])
def test_a_traceparent_that_is_none_is_no_error(ask, parent):
    assert ask("GET", "/predict", None, {"traceparent": parent, "Prefer": "wait=30"}).status == 200


def test_a_job_that_runs_is_cancelled_and_whoever_waits_for_it_hears_of_it(ask, surroundings, folder):
    headers = {"Idempotency-Key": f'"{folder}"', "Prefer": "respond-async"}
    job_id = ask("GET", f"/until{folder}/never", headers=headers).json["id"]
    eventually(lambda: surroundings.client.get(job_id).state is JobState.RUNNING, what="it runs")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, "GET", f"/until{folder}/never", None, headers | {"Prefer": "wait=50"})
        answer = ask("DELETE", f"/_jobs/{job_id}")
        assert (answer.status, answer.json["state"]) == (200, "cancelled")
        told = waiting.result()
    assert (told.status, told.header("content-type")) == (502, "application/problem+json")
    assert told.header("pubsubctl-job") == job_id
    (folder / "never").touch()
