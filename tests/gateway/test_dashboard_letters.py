"""Dead letters on the dashboard: nothing is done before it was asked about, and then exactly that."""

import re
import sqlite3
from contextlib import closing

import pytest
from dashboard_jobs import added, answered, given_up

from pubsubctl.gateway.dashboard import letters
from pubsubctl.job import JobState, Reason


def listed(site, **query):
    return re.findall(r'name="id" value="([^"]+)"', site.get("/_dashboard/letters", **query).text)


def confirmed(site, *, meanwhile=lambda: None, **query):
    """Ask, and answer yes: with the form of the page that asks."""
    page = site.get("/_dashboard/letters/confirm", **query).text
    meanwhile()
    form = page.partition('action="/_dashboard/letters/act"')[2].partition("</form>")[0]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)
    return site.post("/_dashboard/letters/act", **fields)


def test_only_what_was_given_up_is_listed_and_can_be_chosen_by_reason_path_and_batch(client, site):
    answered(client)
    added(client)
    late = given_up(client, Reason.TIMEOUT, path="/a/1", batch_id="b")
    dead = given_up(client, Reason.CRASHED, path="/a/2")
    given_up(client, Reason.STATUS)
    assert listed(site) == [dead, late]
    assert listed(site, reason="timeout") == [late]
    assert listed(site, path="/a/*", batch="b") == [late]
    assert listed(site, state="succeeded") == [dead, late], "another state makes no other list of it"


def test_asking_does_nothing(client, site):
    dead = given_up(client)
    for do in ("replay", "purge"):
        text = site.get("/_dashboard/letters/confirm", do=do, id=dead).text
        assert dead in text
        assert "1 dead letter?" in text
    assert client.get(dead).state is JobState.FAILED


def test_those_that_are_chosen_are_queued_again(client, site):
    chosen, other = given_up(client), given_up(client)
    answer = confirmed(site, do="replay", id=chosen)
    assert "1 dead letter queued again." in site.get(answer.headers["Location"]).text
    assert (client.get(chosen).state, client.get(other).state) == (JobState.QUEUED, JobState.FAILED)


def test_those_that_are_chosen_are_deleted_and_nothing_else(client, site):
    chosen, other, done = given_up(client), given_up(client), answered(client)
    answer = confirmed(site, do="purge", id=[chosen, done, "unknown"])
    assert "1 dead letter deleted." in site.get(answer.headers["Location"]).text
    assert [job is None for job in client.store.get([chosen, other, done])] == [True, False, False]


def test_all_that_are_asked_for_are_done_page_by_page(client, site):
    late = [given_up(client, Reason.TIMEOUT) for _ in range(60)]
    other = given_up(client, Reason.CRASHED)
    answer = confirmed(site, do="purge", all="1", reason="timeout")
    assert answer.headers["Location"] == "/_dashboard/letters?reason=timeout&did=purge&count=60"
    assert client.store.get(late) == [None] * 60
    assert client.get(other).state is JobState.FAILED


def test_all_of_them_can_be_replayed(client, site):
    dead = [given_up(client, reason) for reason in (Reason.TIMEOUT, Reason.CRASHED)]
    confirmed(site, do="replay", all="1")
    assert {job.state for job in client.store.get(dead)} == {JobState.QUEUED}


@pytest.mark.parametrize("query", [{}, {"do": "purge"}, {"do": "delete", "all": "1"}, {"do": "purge", "id": ""}])
def test_where_nothing_is_chosen_nothing_is_asked_or_done(client, site, query):
    dead = given_up(client)
    assert site.get("/_dashboard/letters/confirm", **query).status == 400
    assert site.post("/_dashboard/letters/act", of=f"/_dashboard/jobs/{dead}", **query).status == 400
    assert client.get(dead).state is JobState.FAILED


def test_what_is_no_dead_letter_any_more_is_left_alone(client, site):
    dead = given_up(client)
    client.retry(dead)
    text = site.get("/_dashboard/letters/confirm", do="purge", id=dead).text
    assert "None of them is a dead letter any more" in text
    assert 'action="/_dashboard/letters/act"' not in text


def test_what_has_become_old_enough_since_it_was_asked_about_is_left_alone(client, site):
    now, hour = client.store.now(), 3600.0
    old, young = given_up(client), given_up(client)
    with closing(sqlite3.connect(client.settings.state.jobs_db)) as database, database:
        for job_id, created_at in ((old, now - 3 * hour), (young, now - 1.5 * hour)):
            database.execute(
                "UPDATE jobs SET created_at = ?, finished_at = ? WHERE id = ?", (created_at, created_at, job_id)
            )
    asked_at = now - hour  # of those of an hour then
    page = f"/_dashboard/jobs/{young}"
    site.post("/_dashboard/letters/act", of=page, do="purge", all="1", older="1h", until=repr(asked_at))
    assert [job is None for job in client.store.get([old, young])] == [True, False]


def test_no_other_takes_the_place_of_one_that_is_gone_since_it_was_asked_about(client, site, monkeypatch):
    monkeypatch.setattr(letters, "_MOST", 2)
    oldest, older, newest = [given_up(client) for _ in range(3)]
    confirmed(site, do="purge", all="1", meanwhile=lambda: client.retry(newest))
    assert [job is None for job in client.store.get([oldest, older, newest])] == [False, True, False]


def test_a_form_that_ends_nowhere_does_nothing(client, site):
    dead = given_up(client)
    page, now = f"/_dashboard/jobs/{dead}", repr(client.store.now())
    answer = site.post("/_dashboard/letters/act", of=page, do="purge", all="1", until=now, last="nowhere")
    assert (answer.status, "is no cursor" in answer.text) == (400, True)
    assert client.get(dead).state is JobState.FAILED


def test_whoever_has_done_something_is_back_where_it_was_asked_for(client, site):
    dead = [given_up(client, path="/a") for _ in range(60)]
    text = site.get("/_dashboard/letters", path="/a").text
    cursor = re.search(r"cursor=([^&\"]+)", text)[1]
    assert listed(site, path="/a", cursor=cursor) == dead[9::-1]
    answer = confirmed(site, do="purge", id=dead[:10], path="/a", cursor=cursor)
    location = answer.headers["Location"]
    assert location == f"/_dashboard/letters?path=/a&cursor={cursor}&did=purge&count=10"
    text = site.get(location).text
    assert "There is no older dead letter like that." in text
    assert 'href="/_dashboard/letters?path=/a">Newest<' in text


def test_no_worker_is_asked_for(client, site):
    dead = given_up(client)
    text = site.get("/_dashboard/letters", worker="another").text
    assert dead in text
    assert "With all dead letters" in text
