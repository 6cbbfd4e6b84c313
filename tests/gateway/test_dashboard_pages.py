"""What the dashboard's pages tell, of a real store and without a broker."""

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
