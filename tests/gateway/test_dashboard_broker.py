"""The dashboard beside a real broker and a real worker, and without either."""

import html
import re
import sqlite3
import time

import pytest
from dashboard_jobs import a_client, added
from dashboard_site import Site

from pubsubctl.broker import messages
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.broker.publish import Outgoing
from pubsubctl.emulator import daemon
from pubsubctl.job import JobState
from pubsubctl.sandbox.whole import Sandbox

APP = """
import time
import pubsubctl
from flask import Flask

app = Flask(__name__)


@app.get("/slow")
def slow():
    print("printed by the application")
    for step in range(2000):
        pubsubctl.progress(step / 2000, f"step {step}")
        time.sleep(0.01)
    return "slow"
"""


@pytest.fixture
def folder(tmp_path):
    """One with an emulator, and what jobs need there."""
    with a_client(tmp_path) as client:
        daemon.start(client.settings.state)
        try:
            provisioner = Provisioner(client.connection, client.settings, Wanted())
            list(provisioner.apply(provisioner.plan()))
            site = Site(client)
            try:
                yield client, site
            finally:
                site.close()
        finally:
            daemon.stop(client.settings.state)


def row_of(text, subscription):
    """The cells of a subscription's row."""
    row = (
        text.partition('id="h-subscriptions"')[2].partition(f'scope="row">{subscription}</th>')[2].partition("</tr>")[0]
    )
    return re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)


def peek(site, subscription, **fields):
    return site.post("/_dashboard/broker/peek", of="/_dashboard/broker", subscription=subscription, **fields)


def test_topics_and_subscriptions_are_told_with_the_backlog_that_the_store_knows(folder):
    client, site = folder
    added(client)
    client.submit("GET", "/x")
    text = site.get("/_dashboard/broker").text
    assert 'scope="row">pubsubctl-requests</th>' in text
    assert row_of(text, "pubsubctl-workers")[:3] == ["pubsubctl-requests", "pull", "2"]
    assert row_of(text, "pubsubctl-dead")[2] == "not known"
    assert "raises their delivery attempts" in text


def test_messages_are_peeked_at_and_come_again(folder):
    client, site = folder
    path = client.settings.subscription_path
    client.submit("POST", "/x?<script>", json={"a": 1}, headers=[("Authorization", "Bearer s3cret")])
    answer = peek(site, path)
    text = html.unescape(answer.text)
    assert answer.status == 200
    assert "/x?<script>" in text
    assert "<script>" not in answer.text.partition("<main")[2]
    assert "s3cret" not in text
    assert '"a": 1' in text or '"a":1' in text
    (received,) = messages.pull(client.connection, path, 10, wait_s=5)
    assert received["message"]["attributes"]["path"] == "/x?<script>", "it was given back at once"


def test_few_messages_are_peeked_at_and_little_of_a_large_one_is_shown(folder):
    client, site = folder
    topic, path = client.settings.topic_path, client.settings.subscription_path
    for _ in range(8):
        messages.publish(client.connection, topic, Outgoing(b"\xe2\x98\x83" * 10_000, {}, ""))
    text = peek(site, path).text
    assert "<p>5 messages, 5 at the most." in text
    assert text.count("\N{SNOWMAN}") <= 5 * 4096 // 3
    assert "this is the beginning" in text


def test_no_more_than_a_megabyte_or_so_is_pulled(folder):
    client, site = folder
    topic, path = client.settings.topic_path, client.settings.subscription_path
    for _ in range(4):
        messages.publish(client.connection, topic, Outgoing(bytes(900_000), {}, ""))
    assert "<p>1 message, 5 at the most." in peek(site, path).text


def test_where_there_is_no_message_or_no_such_subscription_that_is_said(folder):
    client, site = folder
    assert "No message came." in peek(site, client.settings.subscription_path).text
    answer = peek(site, "projects/pubsubctl-local/subscriptions/no-such")
    assert (answer.status, "no-such" in answer.text.partition('class="notice')[2]) == (200, True)
    assert peek(site, "<script>").status == 400


def test_a_broker_that_went_away_is_said_on_a_page(folder):
    client, site = folder
    token = site.form_token("/_dashboard/broker")
    daemon.stop(client.settings.state)
    for page in ("", "broker"):
        answer = site.get(f"/_dashboard/{page}")
        assert (answer.status, "Traceback" in answer.text) == (200, False)
        assert 'class="notice trouble"' in answer.text
    answer = site.post("/_dashboard/broker/peek", csrf=token, subscription=client.settings.subscription_path)
    assert (answer.status, 'class="notice trouble"' in answer.text) == (200, True)
    assert site.get("/_dashboard/jobs").status == 200, "the store has what it has"


def test_a_store_that_went_away_is_said_and_the_broker_is_still_shown(folder):
    client, site = folder
    added(client)
    database = sqlite3.connect(client.settings.state.jobs_db)
    for table in ("jobs", "tallies", "workers"):
        database.execute(f"ALTER TABLE {table} RENAME TO away_{table}")
    database.commit()
    now = site.get("/_dashboard/")
    assert now.status == 200
    assert "The store cannot be read" in now.text
    assert "embedded at 127.0.0.1" in now.text
    for page in ("jobs", "batches", "letters", "jobs/x", "find?id=x"):
        answer = site.get(f"/_dashboard/{page}")
        assert (answer.status in {502, 503}, "Traceback" in answer.text) == (True, False)
    assert row_of(site.get("/_dashboard/broker").text, "pubsubctl-workers")[2] == "not known"
    for table in ("jobs", "tallies", "workers"):
        database.execute(f"ALTER TABLE away_{table} RENAME TO {table}")
    database.commit()
    database.close()
    time.sleep(1.1)  # as long as a page is good
    assert "The store cannot be read" not in site.get("/_dashboard/").text


def test_a_real_job_is_seen_at_work_and_stopped(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    with Sandbox("app:app", flags=["-p", "1"], home=tmp_path) as sandbox:
        site = Site(sandbox.client)
        try:
            job = sandbox.client.submit("GET", "/slow")
            page = f"/_dashboard/jobs/{job.id}"
            until(lambda: re.search(r"step \d+", site.get(page).text))
            now = site.get("/_dashboard/").text
            assert f'id="at-{job.id}"' in now
            assert "1 of 1 busy" in now
            assert "whose lease is good for" in site.get(page).text
            assert site.post(f"{page}/cancel", of=page).status == 303
            until(lambda: "printed by the application" in site.get(page).text)
            assert job.refresh().state is JobState.CANCELLED
            assert "cancelled by hand" in site.get(page).text
        finally:
            site.close()


def until(condition, within_s=40.0):
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)
