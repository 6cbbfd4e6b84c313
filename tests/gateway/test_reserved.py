"""What is the gateway's own never becomes a job, and the dashboard's pages are no part of its API."""

import pytest

from pubsubctl.gateway import Terms

TOKEN = "a-token-of-the-test-0123456789"


@pytest.mark.parametrize("path", ["/_dashboard", "/_dashboard/jobs", "/_jobs/x/y/z", "/_jobs/"])
def test_without_a_dashboard_its_paths_are_nobodys(ask, path):
    answer = ask("POST", path, b"x")
    assert answer.status in {404, 405}
    assert answer.header("content-type") == "application/problem+json"


def test_the_dashboard_is_there_for_whoever_has_the_token(surroundings):
    with surroundings.gateway(Terms(token=TOKEN, dashboard=True, cors_origins=("*",))) as ask:
        start = ask("GET", "/_dashboard", headers={"Origin": "https://other.example"})
        assert start.status in {302, 303, 308}
        assert start.header("access-control-allow-origin") is None
        page = ask("GET", "/_dashboard/jobs")
        assert page.status in {302, 303}
        assert "/_dashboard/login" in page.header("location")
        assert ask("GET", "/_jobs").status == 401
        assert ask("GET", "/_jobs", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://other.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "rebound.example"},
    ],
)
def test_a_page_of_another_site_cannot_make_jobs_where_no_token_is_asked_for(surroundings, headers):
    with surroundings.gateway(Terms(hosts=("gateway.example",))) as ask:
        before = sum(surroundings.client.store.counts().values())
        answer = ask("POST", "/echo/x", b"x", headers)
        assert (answer.status, answer.header("content-type")) == (403, "application/problem+json")
        assert sum(surroundings.client.store.counts().values()) == before
        for allowed in ({"Host": "gateway.example:8080"}, {"Host": "localhost"}, {"Sec-Fetch-Site": "none"}):
            assert ask("POST", "/echo/x", b"x", allowed).status == 202


def test_what_an_application_has_answered_runs_in_no_page_beside_the_dashboard(surroundings):
    with surroundings.gateway(Terms(dashboard=True)) as ask:
        answer = ask("GET", "/headers", headers={"Prefer": "wait=30"})
        for each in (answer, ask("GET", f"/_jobs/{answer.header('pubsubctl-job')}/result")):
            assert each.status == 203
            assert each.header("content-security-policy") == "sandbox; frame-ancestors 'none'"
            assert each.header("x-content-type-options") == "nosniff"


def test_a_job_cannot_sign_anybody_in_or_out_of_the_dashboard(surroundings):
    with surroundings.gateway(Terms(dashboard=True)) as ask:
        answer = ask("GET", "/cookies", headers={"Prefer": "wait=30"})
        assert answer.all("set-cookie") == ["own=1; Path=/"]
