"""Makes the pictures; see ``--help``."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from browsing import chromium
from browsing.past import telling
from browsing.scene import Scene, eventually, served
from playwright.sync_api import Browser, Page

from picturing.history import pasts
from pubsubctl import JobState

HERE = Path(__file__).parent
PICTURES = HERE / "results"
DESKTOP = {"width": 1280, "height": 920}
PHONE = {"width": 375, "height": 812}
_RUNNING = [("board-meeting", 0.42, 96), ("podcast-118", 0.77, 41), ("lecture-03", 0.08, 88)]
_WAITING = 4
_TALLEST = 1500
_LOOKED_AT = {1280: "light", 800: "dark", 375: "light"}


@dataclass(frozen=True)
class Picture:
    """A picture to be made.

    Attributes:
        path: of the page, below the dashboard's address.
        scheme: ``light`` or ``dark``.
        whole: whether it shows what is below the window's edge too.
    """

    name: str
    path: str
    size: dict[str, int]
    scheme: str
    whole: bool = False


def main() -> int:
    """Make them."""
    parser = argparse.ArgumentParser(
        prog="scripts/screenshots", description="Makes README's pictures of the dashboard."
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=PICTURES,
        metavar="FOLDER",
        help="where they go; unless given, where README finds them",
    )
    parser.add_argument("--look", action="store_true", help="make whole pages too, in several widths, to be looked at")
    given = parser.parse_args()
    if chromium.program() is None:
        print("chromium is not installed; Debian's is: apt-get install chromium", file=sys.stderr)
        return 1
    given.to.mkdir(parents=True, exist_ok=True)
    with project() as (address, dead, running), chromium.browser() as browser:
        pictures = _for_looking(dead, running) if given.look else _for_readme(dead)
        for picture in pictures:
            made = take(browser, address, picture, given.to)
            print(f"{made}: {made.stat().st_size / 1000:.0f} kB")
    return 0


def _for_readme(dead: str) -> list[Picture]:
    return [
        Picture("now-light", "/", DESKTOP, "light"),
        Picture("now-dark", "/", DESKTOP, "dark"),
        Picture("job-light", f"/jobs/{dead}", DESKTOP, "light"),
        Picture("job-dark", f"/jobs/{dead}", DESKTOP, "dark"),
        Picture("job-phone-light", f"/jobs/{dead}", PHONE, "light"),
        Picture("now-phone-dark", "/", PHONE, "dark"),
    ]


def _for_looking(dead: str, running: str) -> list[Picture]:
    pages = {
        "now": "/",
        "jobs": "/jobs",
        "failed": "/jobs?state=failed",
        "dead": f"/jobs/{dead}",
        "running": f"/jobs/{running}",
        "batches": "/batches",
        "letters": "/letters",
        "confirm": f"/letters/confirm?do=purge&id={dead}",
        "broker": "/broker",
    }
    return [
        Picture(f"{name}-{width}", path, {"width": width, "height": 800}, scheme, whole=True)
        for name, path in pages.items()
        for width, scheme in _LOOKED_AT.items()
    ]


@contextmanager
def project() -> Iterator[tuple[str, str, str]]:
    """The address of a dashboard, while jobs run; and the ids of a job that was given up on, and of one that runs."""
    with tempfile.TemporaryDirectory(prefix="pubsubctl-pictures-") as folder:
        scene = Scene(Path(folder), "app:app", HERE)
        try:
            client = scene.client
            with telling(client.settings) as (teller, store):
                told = list(pasts(time.time()))
                teller.tell(store, told)
            dead = [past.id for past in told if past.reason and past.log][-1]
            scene.worker("-p", "1", "-t", "4")
            running = [
                client.submit("POST", f"/v1/transcribe?name={name}", json={"from": begin, "minutes": minutes}).id
                for name, begin, minutes in _RUNNING
            ]
            retrying = client.submit("GET", "/v1/export/2026-11").id
            eventually(lambda: client.get(running[-1]).progress_note, what="jobs run")
            eventually(lambda: client.get(retrying).state is JobState.RETRYING, what="one is to be tried again")
            requests = [{"method": "POST", "path": f"/v1/transcribe?name=interview-{n + 1}"} for n in range(_WAITING)]
            list(client.submit_many(requests, batch_id="interviews"))
            with served(client) as address:
                yield address, dead, running[0]
        finally:
            scene.close()


def take(browser: Browser, address: str, picture: Picture, folder: Path) -> Path:
    """Make a picture, and say where it is."""
    context = browser.new_context(viewport=picture.size, color_scheme=picture.scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    try:
        page: Page = context.new_page()
        page.goto(address + picture.path)
        path = folder / f"{picture.name}.png"
        tall = page.evaluate("document.documentElement.scrollHeight") if picture.whole else 0
        clip = {
            "x": 0,
            "y": 0,
            "width": picture.size["width"],
            "height": max(picture.size["height"], min(tall, _TALLEST)),
        }
        page.screenshot(path=path, full_page=picture.whole, clip=clip, animations="disabled")  # type: ignore[arg-type]
        return path
    finally:
        context.close()


if __name__ == "__main__":
    sys.exit(main())
