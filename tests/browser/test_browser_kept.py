"""What is renewed on a live page keeps the focus where it is."""

from collections.abc import Iterator

import pytest
from browsing.scene import eventually
from playwright.sync_api import Page, expect

from pubsubctl import Client

pytestmark = pytest.mark.xdist_group("browser")

RENEWED = "window.renewed = 0; new MutationObserver(() => window.renewed += 1)"
WATCH = f"{RENEWED}.observe(document.querySelector('[data-live]'), {{ childList: true }})"


@pytest.fixture
def held(client: Client, tmp_path) -> Iterator[str]:
    """A running job."""
    release = tmp_path / "release"
    job = client.submit("GET", f"/until{release}")
    eventually(lambda: client.get(job.id).progress_fraction, what="the job tells its progress")
    yield job.id
    release.touch()


def renewed_twice(page: Page) -> None:
    page.evaluate(f"() => {{ {WATCH} }}")
    eventually(lambda: page.evaluate("window.renewed") >= 2, what="the page is renewed")


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("/", "[data-key^='w-'] a"),
        ("/", "#d-failures summary"),
        ("/jobs/{held}", "dl.facts a"),
        ("/batches", "tbody th a"),
    ],
)
def test_what_has_the_focus_keeps_it(page, site, held, client, where, what):
    list(client.submit_many([{"method": "GET", "path": f"/ok/{number}"} for number in range(3)]))
    page.goto(site + where.format(held=held))
    one = page.locator(what).first
    one.focus()
    renewed_twice(page)
    expect(page.locator(what).first).to_be_focused()
