"""Looking for jobs: by id, by what they are, page by page; without scripts, which it does not need."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def page(visits) -> Page:
    return visits.open(java_script_enabled=False)


def find(page: Page, wanted: str) -> None:
    page.get_by_label("Id of a job or batch").fill(wanted)
    page.get_by_role("button", name="Go", exact=True).click()


def test_every_page_says_the_same_without_scripts(page, site, kinds):
    for name, path in kinds.paths().items():
        page.goto(site + path)
        expect(page.get_by_role("heading", level=1)).not_to_be_empty()
        assert page.get_by_role("link", name="Reload").count() or name in {"dead letters", "a question", "an error"}
        expect(page.get_by_label("Live")).to_be_hidden()


def test_an_id_leads_to_its_job_and_another_to_its_batch(page, site, kinds):
    page.goto(f"{site}/")
    find(page, f" {kinds.dead} ")
    expect(page).to_have_url(f"{site}/jobs/{kinds.dead}")
    find(page, kinds.batch)
    expect(page).to_have_url(re.compile(rf"/jobs\?batch={kinds.batch}$"))
    expect(page.locator("tbody tr")).to_have_count(5)


def test_an_id_of_nothing_is_said_to_be_none(page, site):
    page.goto(f"{site}/")
    find(page, "nothing-of-the-kind")
    expect(page.get_by_text("There is no job and no batch of that id.")).to_be_visible()


def test_filters_choose_by_state_path_batch_and_age(page, site, kinds):
    page.goto(f"{site}/jobs")
    page.get_by_label("running", exact=True).check()
    page.get_by_label("retrying", exact=True).check()
    page.get_by_role("button", name="Show").click()
    keys = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    assert {kinds.running, kinds.retrying} <= set(keys)
    assert not {kinds.succeeded, kinds.dead, kinds.cancelled} & set(keys)
    expect(page.get_by_label("retrying", exact=True)).to_be_checked()

    page.get_by_role("link", name="All jobs").click()
    page.get_by_label("Batch", exact=True).fill(kinds.batch)
    page.get_by_label("Path").fill("/ok/?")
    page.get_by_label("Submitted after").select_option("1 h ago")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_label("Submitted before").select_option("1 d ago")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No job is like that.")).to_be_visible()


def test_the_jobs_of_a_worker_are_one_step_from_a_job(page, site, kinds):
    page.goto(f"{site}/jobs/{kinds.running}")
    page.get_by_label("The job", exact=True).locator("a[href*='worker=']").click()
    expect(page.locator(f"tr[data-key='{kinds.running}']")).to_have_count(1)


def test_messages_are_peeked_at_and_are_still_there(page, site, client, kinds):
    page.goto(f"{site}/broker")
    expect(page.get_by_role("rowheader", name="pubsubctl-requests", exact=True)).to_be_visible()
    for _ in range(2):
        page.get_by_role("button", name="Peek at pubsubctl-dead").click()
        expect(page.get_by_role("heading", name="Message ").first).to_be_visible()
        expect(page.get_by_text("dead-letter-error").first).to_be_visible()
        page.get_by_role("link", name="Back to the broker").click()
