"""Cancel, retry, replay and purge, as people do them; with scripts off too, as nothing of it needs any."""

import pytest
from browsing.scene import eventually
from playwright.sync_api import Page, expect

from pubsubctl import Client, JobState
from pubsubctl.errors import JobNotFound

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(params=["scripts", "no scripts"])
def page(request, visits) -> Page:
    return visits.open(java_script_enabled=request.param == "scripts")


def wait_for(client: Client, job_id: str, state: JobState) -> None:
    eventually(lambda: client.get(job_id).state is state, what=f"the job is {state}")


def dead_letters(client: Client, paths: list[str]) -> list[str]:
    jobs = [client.submit("GET", path, max_attempts=1) for path in paths]
    for job in jobs:
        wait_for(client, job.id, JobState.FAILED)
    return [job.id for job in jobs]


def test_a_running_job_is_cancelled(page, site, client, tmp_path):
    job = client.submit("GET", f"/until{tmp_path}/never")
    wait_for(client, job.id, JobState.RUNNING)
    page.goto(f"{site}/jobs/{job.id}")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("status").filter(has_text="The job is cancelled.")).to_be_visible()
    expect(page.get_by_label("The job", exact=True)).to_contain_text("cancelled")
    assert client.get(job.id).state is JobState.CANCELLED
    expect(page.get_by_role("button", name="Try the job again")).to_be_visible()


def test_a_job_that_failed_is_tried_again(page, site, client, tmp_path):
    (job_id,) = dead_letters(client, [f"/once{tmp_path}/mended"])
    (tmp_path / "mended").touch()
    page.goto(f"{site}/jobs/{job_id}")
    page.get_by_role("button", name="Try the job again").click()
    expect(page.get_by_role("status").filter(has_text="queued again")).to_be_visible()
    wait_for(client, job_id, JobState.SUCCEEDED)
    page.goto(f"{site}/jobs/{job_id}")
    expect(page.get_by_label("Body of the response")).to_have_text("mended")


def test_a_chosen_dead_letter_is_replayed_and_the_other_is_not(page, site, client, tmp_path):
    mended, other = dead_letters(client, [f"/once{tmp_path}/mended", "/boom/other"])
    (tmp_path / "mended").touch()
    page.goto(f"{site}/letters")
    page.get_by_label(f"Choose {mended}").check()
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Replay 1 dead letter?")
    assert client.get(mended).state is JobState.FAILED, "it was not asked for yet"
    page.get_by_role("button", name="Replay 1 dead letter").click()
    expect(page.get_by_role("status").first).to_contain_text("1 dead letter")
    wait_for(client, mended, JobState.SUCCEEDED)
    assert client.get(other).state is JobState.FAILED


def test_dead_letters_are_purged_after_a_question_that_can_be_refused(page, site, client, tmp_path):
    ids = dead_letters(client, [f"/boom{tmp_path}/{number}" for number in range(3)])
    (other,) = dead_letters(client, ["/boom/other"])
    page.goto(f"{site}/letters")
    page.get_by_label("Path").fill(f"/boom{tmp_path}/*")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("button", name="Purge all").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Purge 3 dead letters?")
    page.get_by_role("link", name="Leave them as they are").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    assert all(client.get(job_id).state is JobState.FAILED for job_id in ids)

    page.get_by_role("button", name="Purge all").click()
    page.get_by_role("button", name="Purge 3 dead letters").click()
    expect(page.get_by_role("status").first).to_contain_text("3 dead letters")
    for job_id in ids:
        with pytest.raises(JobNotFound):
            client.get(job_id)
    assert client.get(other).state is JobState.FAILED


def test_a_form_of_another_session_does_nothing(page, site, client):
    job = client.submit("GET", "/ok/later", delay=3600)
    page.goto(f"{site}/jobs/{job.id}")
    page.context.clear_cookies()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("so nothing was done")).to_be_visible()
    assert client.get(job.id).state is JobState.QUEUED
