"""Signing in and out, in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect
from visiting import TOKEN

from pubsubctl.gateway.dashboard.session import LIFETIME_S, Sessions

pytestmark = pytest.mark.xdist_group("browser")


def sign_in(page: Page, address: str, token: str = TOKEN) -> None:
    page.goto(address)
    page.get_by_label("The gateway's token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_wrong_token_lets_nobody_in(page, locked_site):
    sign_in(page, f"{locked_site}/jobs", "not-the-token-at-all")
    expect(page.get_by_role("alert")).to_have_text("That is not the token.")
    expect(page.get_by_label("The gateway's token")).to_have_value("")
    page.goto(f"{locked_site}/jobs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_right_token_leads_to_the_page_that_was_asked_for(page, locked_site):
    sign_in(page, f"{locked_site}/jobs?state=failed")
    expect(page).to_have_url(f"{locked_site}/jobs?state=failed")
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    assert TOKEN not in page.content()
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/_dashboard")
    assert TOKEN not in cookie["value"]


def test_who_has_signed_out_is_out(page, locked_site):
    sign_in(page, f"{locked_site}/")
    (cookie,) = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.context.cookies() == []
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.context.add_cookies([cookie])
    page.goto(f"{locked_site}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_session_that_has_expired_is_none(page, locked_site):
    sign_in(page, f"{locked_site}/")
    (cookie,) = page.context.cookies()
    long_ago = Sessions(TOKEN, clock=lambda: cookie["expires"] - 2 * LIFETIME_S - 60).begin()
    page.context.add_cookies([cookie | {"value": long_ago}])
    page.goto(f"{locked_site}/batches")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_live_page_whose_session_has_ended_asks_for_the_token_again(page, locked_site):
    sign_in(page, f"{locked_site}/jobs")
    expect(page.get_by_label("Live")).to_be_checked()
    page.context.clear_cookies()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page).to_have_url(re.compile(r"/login\?next="))
