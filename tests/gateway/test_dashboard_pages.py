"""What the dashboard's pages tell, of a real store and without a broker."""

import socket

import pytest
from dashboard_jobs import WORKER, a_worker, added, answered, begun, given_up

from pubsubctl.store.claims import Lease

PAGES = ["/", "/jobs", "/batches", "/letters", "/broker"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_an_empty_store_is_there_though_no_broker_is(site, page):
    answer = site.get(f"/_dashboard{page}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Traceback" not in answer.text


def test_now_tells_counts_workers_and_what_they_run(client, site):
    answered(client, path="/done")
    given_up(client)
    job_id = added(client, "/at-work")
    attempt = begun(client, job_id)
    a_worker(client, [Lease(job_id, attempt, 0.5, "half of it")])
    text = site.get("/_dashboard/").text
    assert "2 jobs ended" in text
    assert WORKER in text
    assert "50% half of it" in text
    assert "The broker cannot be reached: no emulator runs here" in text
    assert "1 failed (50.0%)" in text


def test_slots_of_a_worker_that_is_lost_run_nothing(client, site):
    for number in range(5):
        begun(client, added(client, f"/{number}"))
    a_worker(client, slots=2)
    a_worker(client, id="lost", host=socket.gethostname(), pid=2**22 + 1, slots=8)  # no process has such a number
    assert "3 claimed and not begun" in site.get("/_dashboard/").text


def test_of_a_lost_worker_it_is_told_what_it_had_begun_and_not_that_it_runs(client, site):
    begun(client, added(client, "/was-at-it"))
    a_worker(client, host=socket.gethostname(), pid=2**22 + 1)
    text = site.get("/_dashboard/").text
    assert "It had begun, when it was last heard of:" in text
    assert text.count("/was-at-it") == 2, "there, and among the latest jobs"


def test_of_more_jobs_than_are_listed_it_is_told_how_many_there_are(client, site):
    for number in range(30):
        begun(client, added(client, f"/{number}"))
    a_worker(client, slots=40)
    assert "and 10 more</li>" in site.get("/_dashboard/").text


def test_where_jobs_have_ended_and_no_times_are_known_that_is_what_is_told(client, site):
    client.store.cancel([added(client)])
    text = site.get("/_dashboard/").text
    assert "1 job ended" in text
    assert "Of none of them the times are known." in text
