"""All that a mouse can reach, keys can too, and it is seen where one is."""

import pytest
from playwright.sync_api import Page, expect
from visiting import DESKTOP, PHONE

pytestmark = pytest.mark.xdist_group("browser")

PAGES = ["now", "jobs of a batch", "a running job", "a dead job", "batches", "dead letters", "a question", "broker"]
REACHABLE = """() => [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")]
    .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled)
    .map((one, number) => { one.dataset.reach = number; return one.outerHTML.slice(0, 120) })"""
MEET = """() => {
    window.met = [];
    document.addEventListener("focusin", event => {
        const style = getComputedStyle(event.target);
        const outline = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
        window.met.push({ number: Number(event.target.dataset.reach), outline });
    });
}"""


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_tab_reaches_everything_in_order_and_shows_where_it_is(visits, site, kinds, size):
    page = visits.open(viewport=size)
    page.add_init_script("sessionStorage.setItem('pubsubctl-live', 'off')")
    for name in PAGES:
        page.goto(site + kinds.paths()[name])
        reachable = page.evaluate(REACHABLE)
        page.evaluate(MEET)
        for _ in reachable:
            page.keyboard.press("Tab")
        met = page.evaluate("window.met")
        assert [each["number"] for each in met] == list(range(len(reachable))), f"{name}: of {reachable}"
        assert min(each["outline"] for each in met) >= 2, f"{name}: it is not seen where the focus is"


def test_the_first_key_leads_past_the_navigation(page: Page, site):
    page.goto(f"{site}/")
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to the content")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_a_dead_letter_is_chosen_and_purging_it_given_up_with_keys_alone(page: Page, site, client, kinds):
    page.goto(f"{site}/letters")
    page.get_by_label(f"Choose {kinds.dead}").focus()
    page.keyboard.press("Space")
    purge = page.get_by_role("button", name="Purge", exact=True)
    while not purge.evaluate("one => one === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Purge 1 dead letter?")
    leave = page.get_by_role("link", name="Leave them as they are")
    leave.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")
    assert client.get(kinds.dead).dead_letter
