"""Visits of the dashboard, and what is looked for in any of its pages."""

from dataclasses import dataclass
from typing import Any

from browsing.chromium import Watch
from playwright.sync_api import Browser, BrowserContext, Page

TOKEN = "a-token-that-nobody-guesses"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 667}
WAIT_MS = 20_000
CROWD = 100_000
"""Jobs of a store in which no page may be slow."""


@dataclass(frozen=True)
class Kinds:
    """Ids of jobs, one of each kind, and of a batch."""

    running: str
    succeeded: str
    dead: str
    retrying: str
    later: str
    cancelled: str
    batch: str

    def paths(self) -> dict[str, str]:
        """Where all kinds of pages are, below the dashboard's address."""
        return {
            "now": "/",
            "jobs": "/jobs",
            "jobs of a batch": f"/jobs?batch={self.batch}",
            "no jobs": "/jobs?path=/nowhere",
            "a running job": f"/jobs/{self.running}",
            "a succeeded job": f"/jobs/{self.succeeded}",
            "a dead job": f"/jobs/{self.dead}",
            "a retrying job": f"/jobs/{self.retrying}",
            "a job for later": f"/jobs/{self.later}",
            "a cancelled job": f"/jobs/{self.cancelled}",
            "batches": "/batches",
            "dead letters": "/letters",
            "a question": f"/letters/confirm?do=purge&id={self.dead}",
            "broker": "/broker",
            "an error": "/nowhere",
        }


class Visits:
    """Visits with one browser, each without a memory of another."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._visits: list[tuple[BrowserContext, Watch]] = []

    def open(self, **how: Any) -> Page:
        """A new page; ``how`` is as ``Browser.new_context`` takes it."""
        context = self._browser.new_context(**{"viewport": DESKTOP, "accept_downloads": True} | how)
        context.set_default_timeout(WAIT_MS)
        self._visits.append((context, Watch(context)))
        return context.new_page()

    @property
    def watch(self) -> Watch:
        """What goes on in the last visit."""
        return self._visits[-1][1]

    def end(self) -> None:
        """End all visits; nothing was asked of another machine, and no page did what its policy forbids."""
        for context, _ in self._visits:
            context.close()
        for _, watch in self._visits:
            assert watch.strays == []
            assert watch.complaints == []
            assert watch.asked == []
            assert watch.said == []


def width_beyond(page: Page) -> int:
    """How many pixels of a page are beyond its right edge."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
