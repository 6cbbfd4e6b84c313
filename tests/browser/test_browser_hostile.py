"""Jobs whose path, headers, bodies, names, notes and errors are scripts: none of it runs in the dashboard."""

import re

import pytest
from browsing.scene import eventually
from playwright.sync_api import Page, expect
from shown_app import HOSTILE

from pubsubctl import Client, JobState
from pubsubctl.exchange import Request
from pubsubctl.submission import Submission

pytestmark = pytest.mark.xdist_group("browser")

BREAKOUT = f"</textarea></title></pre>\"'>{HOSTILE}"
BATCH = f"b\"'>{HOSTILE}"
UPLOAD = (
    f'--b\r\nContent-Disposition: form-data; name="{HOSTILE}"; filename="<svg onload=\'window.stung=8\'>.html"\r\n'
    f"Content-Type: text/html\r\n\r\n{BREAKOUT}\r\n--b--\r\n"
)


def stung(page: Page) -> object:
    """What a script of a job has left; None if none ran."""
    return page.evaluate("window.stung ?? null")


@pytest.fixture(scope="module")
def hostile(client: Client) -> dict[str, str]:
    """Ids of hostile jobs: what they answered to the id."""
    found = {}
    for kind in ("html", "svg", "png", "xml", "error"):
        path = f"/hostile/{kind}?name={BREAKOUT}&x=javascript:alert(1)".replace(" ", "%20")
        headers = [("X-Asked", HOSTILE), ("Accept", BREAKOUT), ("Content-Type", "multipart/form-data; boundary=b")]
        submission = Submission(Request.of("POST", path, headers, UPLOAD.encode()), max_attempts=1)
        (job,) = client.submit_many([submission], batch_id=f"{BATCH}{kind}")
        found[kind] = job.id
    for job_id in found.values():
        eventually(lambda: client.get(job_id).finished, what="the job has ended")  # noqa: B023 - called at once
    assert client.get(found["html"]).state is JobState.SUCCEEDED
    return found


def test_no_script_of_a_job_runs_on_any_page(page, site, hostile):
    for path in ["/", "/jobs", "/batches", "/letters", f"/letters/confirm?do=purge&id={hostile['error']}"]:
        page.goto(site + path)
        expect(page.get_by_text("<script>").first).to_be_visible()
        assert stung(page) is None
    for job_id in hostile.values():
        page.goto(f"{site}/jobs/{job_id}")
        expect(page.get_by_text("X-Asked")).to_be_visible()
        assert (
            page.locator("main script, main svg, main iframe, main object, main [onerror], main [onload]").count() == 0
        )
        assert stung(page) is None


def test_no_script_of_a_job_runs_as_pages_are_kept_live(page, site, client, tmp_path):
    release = tmp_path / "release"
    job = client.submit("GET", f"/hostile/until{release}?{HOSTILE}".replace(" ", "%20"))
    page.goto(f"{site}/jobs")
    expect(page.locator(f"tr[data-key='{job.id}']")).to_contain_text("<script>window.stung=1")
    page.goto(f"{site}/jobs/{job.id}")
    release.touch()
    expect(page.get_by_text("X-Said")).to_be_visible()
    assert stung(page) is None


def test_links_that_carry_what_a_job_is_called_lead_to_pages_of_ours(page, site, hostile):
    page.goto(f"{site}/batches")
    page.locator("tbody a").filter(has_text=BATCH[:60]).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
    assert page.url.startswith(f"{site}/jobs?batch=")
    expect(page.get_by_label("Batch", exact=True)).to_have_value(re.compile(f"^{re.escape(BATCH)}"))
    assert stung(page) is None


@pytest.mark.parametrize("kind", ["html", "svg", "png", "xml"])
def test_what_a_job_answered_is_never_a_page_of_the_dashboard(page, visits, site, hostile, kind):
    page.goto(f"{site}/jobs/{hostile[kind]}")
    href = page.get_by_role("link", name="Download the body of the response").get_attribute("href")
    with page.expect_download() as begun:
        page.get_by_role("link", name="Download the body of the response").click()
    assert re.fullmatch(r"job-[\w-]+\.bin", begun.value.suggested_filename)
    assert page.url == f"{site}/jobs/{hostile[kind]}"

    # Opened by its address, in a frame, or as a script or a drawing, it is no more.
    with page.expect_download():
        page.evaluate("href => { location.href = href }", href)
    origin = site.rpartition("/_dashboard")[0]
    answer = page.request.get(origin + href)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert "set-cookie" not in answer.headers
    assert stung(page) is None


def test_another_origin_cannot_have_what_a_job_answered(visits, site, hostile, tmp_path):
    """A page elsewhere that has a body as a script, a style, a drawing or a frame gets nothing of it."""
    body = f"{site}/jobs/{hostile['html']}/response/body"
    page = visits.open()
    page.goto("about:blank")
    result = page.evaluate(
        """async body => {
            const tried = (tag, set) => new Promise(done => {
                const one = document.createElement(tag);
                one.onload = () => done("loaded");
                one.onerror = () => done("refused");
                set(one);
                document.body.append(one);
            });
            const script = await tried("script", one => { one.src = body });
            const image = await tried("img", one => { one.src = body });
            const fetched = await fetch(body).then(() => "had", () => "refused");
            return [script, image, fetched];
        }""",
        body,
    )
    assert result == ["refused", "refused", "refused"]
    visits.watch.complaints.clear()  # it was said why
