"""All that a mouse can reach, keys can too, and it is seen where one is."""

import pytest
from playwright.sync_api import Page, expect
from visiting import PHONE

pytestmark = pytest.mark.xdist_group("browser")

REACHABLE = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")]
    .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled)
    .map((one, number) => { one.dataset.reach = number; return one.outerHTML.slice(0, 120) })"""
HERE = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return {
        reach: one.dataset.reach ?? null,
        outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
}"""


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_tab_reaches_everything_in_order_and_shows_where_it_is(visits, site, kinds, width):
    page = visits.open(**({"viewport": PHONE} if width == "phone" else {}))
    page.add_init_script("sessionStorage.setItem('pubsubctl-live', 'off')")
    for name in ["now", "jobs of a batch", "a running job", "a dead job", "batches", "dead letters", "a question", "broker"]:
        page.goto(site + kinds.paths()[name])
        reachable = page.evaluate(REACHABLE)
        met = []
        for _ in range(len(reachable) + 2):
            page.keyboard.press("Tab")
            here = page.evaluate(HERE)
            if here is None:
                break
            assert here["outline"], f"{name}: it is not seen that {reachable[int(here['reach'])]} has the focus"
            assert here["seen"], f"{name}: {reachable[int(here['reach'])]} has the focus out of sight"
            met.append(int(here["reach"]))
        assert met == sorted(met), f"{name}: not in the order of the page"
        missed = [text for number, text in enumerate(reachable) if number not in met]
        assert not missed, f"{name}: keys do not reach {missed}"


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
