"""What a job, a link or a moment's delay must not bring about."""

import re

import pytest
from dashboard_jobs import a_worker, added, answered, begun, given_up
from werkzeug.test import Client as Werkzeug

from pubsubctl.exchange import Response
from pubsubctl.gateway import AsyncMiddleware
from pubsubctl.gateway.app import Gateway, viewer
from pubsubctl.gateway.terms import Terms
from pubsubctl.job import JobState, Reason
from pubsubctl.render.secrets import is_secret
from pubsubctl.store.claims import Lease, Outcome

SECRET = "s3cr3t-value"


def test_the_error_of_a_job_that_is_to_run_again_shows_no_credentials(client, site):
    job_id = added(client)
    error = f"refused, Authorization: Bearer {SECRET}"
    outcome = Outcome(job_id, begun(client, job_id), JobState.RETRYING, Reason.STATUS, error, retry_in_s=100)
    client.store.record([outcome])
    for page in ("jobs", "", f"jobs/{job_id}"):
        text = site.get(f"/_dashboard/{page}").text
        assert SECRET not in text
        assert job_id in text


def test_nor_does_what_a_job_says_of_its_progress(client, site):
    job_id = added(client)
    note = f"cookie: {SECRET}"
    client.store.heartbeat(_worker(client), [Lease(job_id, begun(client, job_id), 0.5, note)], lease_s=60)
    for page in ("jobs", "", f"jobs/{job_id}"):
        text = site.get(f"/_dashboard/{page}").text
        assert SECRET not in text
        assert "50%" in text


def _worker(client):
    a_worker(client)
    return client.store.workers()[0]


@pytest.mark.parametrize("name", ["ocp-apim-subscription-key", "X-RapidAPI-Key", "x-functions-key", "x-secret-key"])
def test_keys_of_well_known_services_are_masked(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["idempotency-key", "sec-websocket-key", "surrogate-key", "x-cache-key", "x-rapid"])
def test_other_keys_are_not(name):
    assert not is_secret(name)


@pytest.mark.parametrize("do", ["purge", "replay"])
def test_what_was_given_up_on_after_it_was_asked_is_left_alone(client, site, do):
    known = given_up(client)
    page = site.get("/_dashboard/letters/confirm", do=do, all="1").text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
    later = given_up(client)
    assert site.post("/_dashboard/letters/act", **fields).status == 303
    job = client.store.get([known])[0]
    assert job is None or job.state is JobState.QUEUED
    assert client.get(later).dead_letter


@pytest.mark.parametrize("until", ["", "soon", "nan"])
def test_nothing_is_done_by_a_form_that_does_not_say_when_it_was_made(client, site, until):
    dead = given_up(client)
    site.post("/_dashboard/letters/act", of=f"/_dashboard/jobs/{dead}", do="purge", all="1", until=until)
    assert client.get(dead).dead_letter


@pytest.mark.parametrize("way", ["/_dashboard/%2e%2e/x", "/_dashboard/.%2E/x", "/_dashboard/%2f%2fx"])
def test_no_way_leads_out_of_the_dashboard_in_disguise(dashboard, way):
    site = dashboard(token="a-token-that-nobody-guesses")
    answer = site.post("/_dashboard/login", token=site.token, next=way)
    assert answer.headers["Location"] == "/_dashboard/"


def test_the_viewer_leads_to_its_pages_wherever_it_is_mounted(client):
    answer = viewer(client, Terms(dashboard=True)).test_client().get("/", environ_overrides={"SCRIPT_NAME": "/at"})
    assert answer.headers["Location"] == "/at/_dashboard/"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Set-Cookie", "=pubsubctl-dashboard-8080=x; Path=/_dashboard"), ("Clear-Site-Data", '"cookies"')],
)
def test_a_response_signs_nobody_out_by_other_means_either(client, name, value):
    job_id = answered(client, Response(200, headers=((name, value), ("Set-Cookie", "mine=1"))))
    gateway = Gateway(client, Terms(dashboard=True))
    try:
        answer = gateway.wsgi.test_client().get(f"/_jobs/{job_id}/result")
    finally:
        gateway.close()
    assert answer.status_code == 200
    assert answer.headers.getlist("Set-Cookie") == ["mine=1"]
    assert "Clear-Site-Data" not in answer.headers


def test_an_application_that_the_gateway_is_mounted_on_has_the_dashboard_where_that_is_wanted(client):
    def application(_, start_response):
        start_response("200 OK", [])
        return [b"the application"]

    for wanted, expected in ((True, b"Sign in"), (False, b"the application")):
        mounted = AsyncMiddleware(application, client, Terms(token="a-token-that-nobody-guesses", dashboard=wanted))
        try:
            asking = Werkzeug(mounted)
            assert expected in asking.get("/_dashboard/login").data
            assert asking.get("/_dashboards").data == b"the application"
        finally:
            mounted.close()
