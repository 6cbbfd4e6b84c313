"""What axe finds, on every page, by day and by night, on a desktop and on a phone; and that nothing is too wide."""

import json

import pytest
from playwright.sync_api import Page
from visiting import DESKTOP, PHONE, TOKEN, width_beyond

pytestmark = pytest.mark.xdist_group("browser")

SERIOUS = ("serious", "critical")
WIDTHS = {
    "desktop": DESKTOP,
    "tablet": {"width": 800, "height": 600},
    "phone": PHONE,
    "small": {"width": 320, "height": 568},
}
OFF = "sessionStorage.setItem('pubsubctl-live', 'off')"


def found(page: Page, axe: str, *, colours: bool = False) -> list[str]:
    """What axe calls serious or critical; of the colours alone, if only they have changed."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    options = {"resultTypes": ["violations"]} | ({"runOnly": ["color-contrast"]} if colours else {})
    violations = page.evaluate("options => axe.run(document, options).then(result => result.violations)", options)
    return [
        f"{each['id']} ({each['impact']}): {json.dumps([node['html'][:200] for node in each['nodes'][:3]])}"
        for each in violations
        if each["impact"] in SERIOUS
    ]


def test_axe_finds_nothing_serious_on_any_page_by_day_by_night_and_on_a_phone(visits, site, locked_site, kinds, axe):
    page = visits.open()
    page.add_init_script(OFF)
    troubles = []
    for address in [f"{locked_site}/login", *(site + path for path in kinds.paths().values())]:
        page.goto(address)
        page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
        for size, scheme in [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light")]:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            trouble = found(page, axe, colours=scheme == "dark")
            troubles += [f"{address}, {scheme}, {size['width']} pixels: {one}" for one in trouble]
        page.set_viewport_size(DESKTOP)
    assert not troubles


def test_axe_finds_nothing_serious_where_something_was_done(visits, site, locked_site, kinds, axe):
    page = visits.open(color_scheme="dark")
    page.goto(f"{locked_site}/")
    page.get_by_label("The gateway's token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    assert not found(page, axe)
    page.get_by_label("The gateway's token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    assert not found(page, axe)
    page.goto(f"{site}/jobs/{kinds.later}?done=late")
    assert not found(page, axe)
    page.goto(f"{site}/broker")
    page.get_by_role("button", name="Peek at pubsubctl-dead").click()
    assert not found(page, axe)


def test_no_page_is_wider_than_the_window(visits, site, locked_site, kinds, client):
    long = client.submit("GET", "/ok/" + "a-word-without-an-end" * 40, headers={"X-Long": "x" * 3000}, delay=3600)
    page = visits.open()
    page.add_init_script(OFF)
    paths = kinds.paths() | {"a long job": f"/jobs/{long.id}", "a long filter": "/jobs?path=/" + "x" * 300}
    wide = {}
    for name, address in [("login", f"{locked_site}/login")] + [(k, site + v) for k, v in paths.items()]:
        page.goto(address)
        for width, size in WIDTHS.items():
            page.set_viewport_size(size)
            if beyond := width_beyond(page):
                wide[f"{name}, {width}"] = beyond
    assert not wide


def test_the_dashboard_is_dark_where_people_want_that(visits, site, kinds):
    lightness = """() => [...document.querySelectorAll("body, section, .filter, input, pre, .cards")].map(one => {
        const [r, g, b, a] = getComputedStyle(one).backgroundColor.match(/[\\d.]+/g).map(Number);
        return a === 0 ? null : (r + g + b) / 765;
    }).filter(one => one !== null)"""
    for scheme, fits in [("dark", lambda shade: shade < 0.35), ("light", lambda shade: shade > 0.85)]:
        page = visits.open(color_scheme=scheme)
        for name in ("now", "jobs", "a dead job"):
            page.goto(site + kinds.paths()[name])
            shades = page.evaluate(lightness)
            assert shades
            assert all(fits(shade) for shade in shades), f"{name}: {shades}"


def test_text_is_shown_in_letters(page, site):
    page.goto(f"{site}/")
    widths = page.evaluate(
        """() => ["iiii", "WWWW"].map(text => {
            const one = document.createElement("span");
            one.textContent = text;
            document.body.append(one);
            return one.getBoundingClientRect().width;
        })"""
    )
    assert widths[0] * 2 < widths[1], "there is no font"
