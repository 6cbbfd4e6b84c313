"""Who gets to see the dashboard, what can be done from outside of it, and what browsers are told to do with it."""

import re

import pytest
from dashboard_jobs import added, answered
from dashboard_site import TOKEN

from pubsubctl.errors import InvalidSetting
from pubsubctl.gateway.dashboard.blueprint import blueprint
from pubsubctl.gateway.dashboard.patience import Patience
from pubsubctl.gateway.dashboard.session import LIFETIME_S, Sessions
from pubsubctl.job import JobState

PAGES = [
    "/",
    "/jobs",
    "/jobs/j",
    "/batches",
    "/letters",
    "/letters/confirm?do=purge&all=1",
    "/broker",
    "/no-such",
    "/find",
]
BODIES = ["/jobs/j/response/body", "/jobs/j/request/body"]
FORMS = ["/jobs/j/cancel", "/jobs/j/retry", "/letters/act", "/broker/peek"]


def state(client, job_id):
    return client.store.get([job_id])[0].state


# --- signing in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*PAGES, *BODIES])
def test_without_a_session_every_page_leads_to_the_login_and_nowhere_else(client, dashboard, page):
    answered(client, id="j")
    answer = dashboard(token=TOKEN).get(f"/_dashboard{page}")
    assert (answer.status, answer.headers["Location"].split("?")[0]) == (303, "/_dashboard/login")
    assert "j" not in answer.text.replace("Redirecting", "").partition("<a")[0].split()


@pytest.mark.parametrize("form", FORMS)
def test_nothing_can_be_done_without_a_session(client, dashboard, form):
    job_id = added(client, id="j")
    answer = dashboard(token=TOKEN).post(f"/_dashboard{form}", csrf="x", do="purge", all="1")
    assert (answer.status, answer.headers["Location"]) == (303, "/_dashboard/login")
    assert state(client, job_id) is JobState.QUEUED


def test_the_token_opens_it_and_leads_back_to_the_page_that_was_asked_for(dashboard):
    site = dashboard(token=TOKEN)
    asked = site.get("/_dashboard/jobs?state=failed").headers["Location"]
    login = site.get(asked)
    way = re.search(r'name="next" value="([^"]+)"', login.text)[1]
    answer = site.post("/_dashboard/login", token=TOKEN, next=way)
    assert (answer.status, answer.headers["Location"]) == (303, "/_dashboard/jobs?state=failed")
    assert site.get("/_dashboard/jobs?state=failed").status == 200


def test_the_cookie_is_not_the_token_and_no_script_or_other_site_gets_it(dashboard):
    site = dashboard(token=TOKEN)
    cookie = site.sign_in().headers["Set-Cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/_dashboard"} <= set(cookie.split("; "))
    assert TOKEN not in site.get("/_dashboard/").text


def test_a_token_is_taken_with_the_space_that_came_with_it(dashboard):
    assert dashboard(token=TOKEN).post("/_dashboard/login", token=f" {TOKEN} ").status == 303


@pytest.mark.parametrize("token", ["", " "])
def test_an_empty_token_is_none(client, token):
    with pytest.raises(InvalidSetting, match="the token is empty"):
        blueprint(client, token=token)


def test_another_token_is_refused_and_no_cookie_given(dashboard):
    for wrong in ("", "x", TOKEN + "x", TOKEN[:-1], "\N{SNOWMAN}"):
        site = dashboard(token=TOKEN)
        answer = site.post("/_dashboard/login", token=wrong)
        assert (answer.status, answer.headers["Set-Cookie"]) == (403, None)
        assert "That is not the token." in answer.text


def test_after_five_wrong_tokens_even_the_right_one_has_to_wait(dashboard):
    site = dashboard(token=TOKEN)
    for _ in range(5):
        assert site.post("/_dashboard/login", token="wrong").status == 403
    answer = site.sign_in()
    assert (answer.status, answer.headers["Set-Cookie"]) == (429, None)
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_patience_comes_back_by_and_by_and_is_of_each_address_but_for_what_all_may_do():
    now = 0.0
    patience = Patience(lambda: now)
    for _ in range(5):
        patience.failed("a")
    assert (patience.wait_s("a"), patience.wait_s("b")) == (60.0, 0.0)
    now = 61.0
    assert patience.wait_s("a") == 0.0
    for number in range(100):
        patience.failed(f"address-{number}")
    assert patience.wait_s("new") == 60.0


@pytest.mark.parametrize(
    "way",
    [
        "https://evil.example/",
        "//evil.example/_dashboard/",
        "/_dashboard//evil.example",
        "/\\evil.example",
        "/_dashboard/\\evil",
        "/other",
        "/_dashboard/../other",
        "javascript:alert(1)",
        "/_dashboard/\r\nX: y",
    ],
)
def test_it_leads_to_none_but_its_own_pages(dashboard, way):
    site = dashboard(token=TOKEN)
    assert site.post("/_dashboard/login", token=TOKEN, next=way).headers["Location"] == "/_dashboard/"
    assert site.get("/_dashboard/login", next=way).headers["Location"] == "/_dashboard/"


def test_who_has_signed_out_is_out_though_somebody_has_kept_the_cookie(dashboard):
    site = dashboard(token=TOKEN)
    site.sign_in()
    kept = dict(site.cookies)
    assert site.post("/_dashboard/logout", of="/_dashboard/").headers["Location"] == "/_dashboard/login"
    assert site.cookies == {}
    site.cookies = kept
    assert site.get("/_dashboard/").status == 303


def test_a_session_ends_by_itself_and_cannot_be_made_longer():
    now = 1_800_000_000.0
    sessions = Sessions(TOKEN, clock=lambda: now)
    cookie = sessions.begin()
    assert sessions.is_good(cookie)
    expiry, rest = cookie.split(".", 1)
    assert not sessions.is_good(f"{int(expiry) + 1}.{rest}")
    now += LIFETIME_S
    assert not sessions.is_good(cookie)


def test_a_session_holds_for_every_gateway_of_its_token_and_for_no_other():
    cookie = Sessions(TOKEN).begin()
    assert Sessions(TOKEN).is_good(cookie)
    assert not Sessions("another").is_good(cookie)
    assert not Sessions(None).is_good(cookie)


@pytest.mark.parametrize("cookie", ["", ".", "..", "1.2.3", "x.y.z", "9" * 500, "1.é.z", "\udcff.a.b"])
def test_what_is_no_cookie_of_ours_is_none(cookie):
    assert not Sessions(TOKEN).is_good(cookie)


# --- from outside -----------------------------------------------------------------------------------------------------


def test_a_form_without_the_sessions_token_does_nothing(client, site):
    job_id = added(client)
    site.get("/_dashboard/")
    for token in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": "é"}):
        answer = site.post(f"/_dashboard/jobs/{job_id}/cancel", **token)
        assert (answer.status, state(client, job_id)) == (400, JobState.QUEUED)


def test_nor_one_with_the_token_of_another_session(client, dashboard):
    job_id = added(client)
    mine, other = dashboard(), dashboard()
    token = other.form_token(f"/_dashboard/jobs/{job_id}")
    mine.get("/_dashboard/")
    assert mine.post(f"/_dashboard/jobs/{job_id}/cancel", csrf=token).status == 400
    assert state(client, job_id) is JobState.QUEUED


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_nor_one_that_another_site_sends_though_it_knows_the_token(client, dashboard, headers):
    site = dashboard(token=TOKEN)
    assert site.post("/_dashboard/login", headers, token=TOKEN).status == 403
    site.sign_in()
    job_id = added(client)
    answer = site.post(f"/_dashboard/jobs/{job_id}/cancel", headers, of=f"/_dashboard/jobs/{job_id}")
    assert (answer.status, state(client, job_id)) == (403, JobState.QUEUED)


@pytest.mark.parametrize("form", [*FORMS, "/logout"])
def test_nothing_is_done_by_following_a_link(client, site, form):
    added(client, id="j")
    assert site.get(f"/_dashboard{form}").status in {404, 405}
    assert state(client, "j") is JobState.QUEUED


def test_a_form_of_its_own_page_does_what_it_says(client, site):
    job_id = added(client)
    headers = {"Sec-Fetch-Site": "same-origin"}
    answer = site.post(f"/_dashboard/jobs/{job_id}/cancel", headers, of=f"/_dashboard/jobs/{job_id}")
    assert (answer.status, state(client, job_id)) == (303, JobState.CANCELLED)
    assert "The job is cancelled." in site.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[fe80::1]", "10.0.0.1"]
)
def test_where_nobody_signs_in_it_answers_to_no_name_that_others_can_make_up(site, host):
    for name in (host, f"{host}:{site.port}"):
        answer = site.get("/_dashboard/", {"Host": name})
        assert (answer.status, "Now" in answer.text.partition("<main")[2]) == (403, False)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "[::1]", "console.internal"])
def test_it_answers_to_those_of_this_machine_and_to_those_that_were_given(dashboard, host):
    site = dashboard(hosts=("Console.internal",))
    assert site.get("/_dashboard/", {"Host": f"{host}:{site.port}"}).status == 200


def test_whatever_is_below_its_prefix_is_its_own(site):
    assert site.get("/_dashboard").headers["Location"] == "/_dashboard/"
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("", "/", "/jobs", "/no-such"):
            assert site.ask(method, f"/_dashboard{path}").status == 400, "and it is no form of a page of ours"


def test_a_form_that_is_too_large_is_not_read(site):
    answer = site.post("/_dashboard/letters/act", id="x" * 300_000)
    assert answer.status == 413


def test_where_people_sign_in_it_may_be_called_as_they_like(dashboard):
    assert dashboard(token=TOKEN).get("/_dashboard/login", {"Host": "jobs.example"}).status == 200


# --- what browsers are told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_a_browser_may_do_with_it(client, site, page):
    answered(client, id="j")
    headers = site.get(f"/_dashboard{page}").headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("frame-ancestors") == "'none'"
    assert set(policy.values()) == {"'self'"}
    assert set(policy) == {"style-src", "script-src", "img-src", "connect-src", "form-action"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_script_or_style_of_its_own_or_anything_from_elsewhere(client, site, page):
    answered(client, id="j")
    text = site.get(f"/_dashboard{page}").text
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"""(?:src|href|action)=["'](?!/_dashboard|#)""", text)


def test_what_it_needs_is_served_to_whoever_is_to_sign_in(dashboard):
    site = dashboard(token=TOKEN)
    for name, kind in (
        ("dashboard.css", "text/css"),
        ("dashboard.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ):
        answer = site.get(f"/_dashboard/static/{name}")
        assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert site.get("/_dashboard/static/../login.py").status == 404
