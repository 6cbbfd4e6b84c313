"""Chromium as the machine has it, driven by Playwright, with nowhere to go but to this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

HOST = "127.0.0.1"
_PROGRAM = "chromium"
_WITHOUT_A_NETWORK = ("data", "blob", "about")
_FLAGS = (
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
    "--force-color-profile=srgb",
    "--disable-gpu",
    # Pictures of text are the same on any screen, and smaller.
    "--disable-lcd-text",
    "--font-render-hinting=none",
)


def program() -> str | None:
    """The browser's program; None where it is not installed."""
    return shutil.which(_PROGRAM)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window.

    Raises:
        FileNotFoundError: there is none on this machine.
    """
    if (found := program()) is None:
        raise FileNotFoundError("chromium is not installed; Debian's is: apt-get install chromium")
    # As root, its sandbox cannot be had.
    flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(_FLAGS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=flags)
        try:
            yield opened
        finally:
            opened.close()


class Watch:
    """What goes on in the pages of a context that somebody who looks at them would not see.

    Attributes:
        strays: addresses elsewhere that were asked for; nothing came from there.
        complaints: what the browser says of errors in pages, or of what their policies forbid.
        said: what scripts wrote to the console.
        asked: what was asked in windows of its own (``alert``, ``confirm``); it was dismissed.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.strays: list[str] = []
        self.complaints: list[str] = []
        self.said: list[str] = []
        self.asked: list[str] = []
        context.on("request", self._requested)
        context.on("page", self._opened)
        context.on("console", lambda message: self._spoke(message.type, message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _opened(self, page: Page) -> None:
        def dismiss(dialog: object) -> None:
            self.asked.append(dialog.message)  # type: ignore[attr-defined]
            dialog.dismiss()  # type: ignore[attr-defined]

        page.on("dialog", dismiss)

    def _requested(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in _WITHOUT_A_NETWORK and address.hostname != HOST:
            self.strays.append(request.url)

    def _spoke(self, kind: str, text: str) -> None:
        # That a page has a status that is no success is no error of the page.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.complaints.append(text)
        elif kind != "error" and not text.startswith("[DOM]"):  # the browser's own advice
            self.said.append(text)
