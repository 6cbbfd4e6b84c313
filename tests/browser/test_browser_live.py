"""Pages that are kept as things are while jobs run, and that do not move under whoever looks at them."""

from collections.abc import Iterator

import pytest
from browsing.scene import eventually
from playwright.sync_api import Page, expect

from pubsubctl import Client, JobState

pytestmark = pytest.mark.xdist_group("browser")

TOP = "document.getElementById('job-' + id).getBoundingClientRect().top"


@pytest.fixture
def held(client: Client, tmp_path) -> Iterator[tuple[str, object]]:
    """A running job, and the file that lets it end."""
    release = tmp_path / "release"
    job = client.submit("GET", f"/until{release}")
    eventually(lambda: client.get(job.id).progress_fraction, what="the job tells its progress")
    yield job.id, release
    release.touch()


def end(job_id: str, client: Client) -> None:
    eventually(lambda: client.get(job_id).finished, what="the job has ended")


def test_a_job_is_seen_to_come_run_and_end(page, site, client, tmp_path):
    page.goto(f"{site}/jobs")
    page.evaluate("window.unchanged = true")
    job = client.submit("GET", f"/until{tmp_path}/release")
    row = page.locator(f"tr[data-key='{job.id}']")
    expect(row).to_contain_text("running")
    expect(row).to_contain_text("25% a quarter is done")
    (tmp_path / "release").touch()
    expect(row).to_contain_text("succeeded")
    assert page.evaluate("window.unchanged"), "the page was loaded anew"


def test_the_page_of_a_job_goes_on_until_it_has_ended(page, site, held):
    job_id, release = held
    page.goto(f"{site}/jobs/{job_id}")
    expect(page.get_by_label("Progress of the job")).to_have_attribute("value", "0.25")
    page.evaluate("window.unchanged = true")
    release.touch()
    expect(page.get_by_label("Body of the response")).to_have_text("it is there")
    expect(page.get_by_label("Live")).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel the job")).to_have_count(0)
    assert page.evaluate("window.unchanged")


def test_a_list_that_grows_keeps_scroll_and_focus(page, site, client):
    before = list(client.submit_many([{"method": "GET", "path": f"/ok/{number}"} for number in range(45)]))
    end(before[-1].id, client)
    page.goto(f"{site}/jobs")
    expect(page.locator(f"tr[data-key='{before[-1].id}']")).to_contain_text("succeeded")
    looked_at = before[25].id
    page.locator(f"#job-{looked_at}").focus()
    page.locator(f"#job-{looked_at}").scroll_into_view_if_needed()
    page.mouse.wheel(0, 137)
    page.mouse.move(2, 2)
    page.wait_for_function("window.scrollY > 0")
    page.wait_for_timeout(200)
    top = page.evaluate(f"id => {TOP}", looked_at)
    scrolled = page.evaluate("window.scrollY")
    after = list(client.submit_many([{"method": "GET", "path": f"/ok/{number}"} for number in range(12)]))
    expect(page.locator(f"tr[data-key='{after[-1].id}']")).to_contain_text("succeeded")
    assert page.evaluate("document.activeElement.id") == f"job-{looked_at}"
    assert page.evaluate(f"id => {TOP}", looked_at) == pytest.approx(top, abs=1)
    assert page.evaluate("window.scrollY") > scrolled + 100, "nothing was put above what is looked at"


def test_what_was_opened_stays_open_and_what_was_chosen_stays_chosen(page, site, client):
    page.goto(f"{site}/")
    page.get_by_text("Numbers of the throughput").click()
    job = client.submit("GET", "/ok/opened")
    end(job.id, client)
    expect(page.locator(f"tr[data-key='{job.id}']")).to_contain_text("succeeded")
    expect(page.get_by_role("region", name="Numbers of the throughput")).to_be_visible()

    page.evaluate("getSelection().selectAllChildren(document.querySelector('tr[data-key]'))")
    another = client.submit("GET", "/ok/chosen")
    end(another.id, client)
    page.wait_for_timeout(2500)
    assert page.evaluate("getSelection().toString()").strip()
    expect(page.locator(f"tr[data-key='{another.id}']")).to_have_count(0)
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator(f"tr[data-key='{another.id}']")).to_have_count(1)


def test_a_page_that_is_not_to_be_live_stays_as_it_is(page, site, client):
    page.goto(f"{site}/jobs")
    page.get_by_label("Live").uncheck()
    job = client.submit("GET", "/ok/unseen")
    end(job.id, client)
    page.wait_for_timeout(2500)
    expect(page.locator(f"tr[data-key='{job.id}']")).to_have_count(0)
    page.goto(f"{site}/jobs")
    expect(page.get_by_label("Live")).not_to_be_checked()
    page.get_by_label("Live").check()
    another = client.submit("GET", "/ok/seen")
    expect(page.locator(f"tr[data-key='{another.id}']")).to_contain_text("succeeded")


def test_the_batch_that_is_looked_at_is_seen_to_progress(page, site, client):
    jobs = list(client.submit_many([{"method": "GET", "path": f"/ok/{number}"} for number in range(20)]))
    batch_id = client.get(jobs[0].id).batch_id
    page.goto(f"{site}/batches")
    row = page.locator(f"tr[data-key='{batch_id}']")
    expect(row).to_contain_text("20 of 20 ended (100%)")
    assert {client.get(job.id).state for job in jobs} == {JobState.SUCCEEDED}


def test_who_has_no_answer_is_told_and_goes_on(page: Page, site):
    page.goto(f"{site}/")
    page.context.set_offline(True)
    expect(page.get_by_text("Not updated: there is no answer.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Not updated: there is no answer.")).to_be_hidden()
