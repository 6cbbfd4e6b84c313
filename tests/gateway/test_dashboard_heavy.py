"""What is deep, long or many costs a page little, and nobody else anything."""

import json
import re
import socket
import threading
import time

import pytest
from dashboard_jobs import a_claim, a_worker, added, answered, begun
from dashboard_site import Site

from pubsubctl import Client, Settings
from pubsubctl.exchange import Request, Response
from pubsubctl.gateway.dashboard import broker
from pubsubctl.gateway.dashboard.bodies import preview
from pubsubctl.gateway.dashboard.words import cut


def test_json_that_would_be_mostly_indentation_is_shown_as_it_came(client, site):
    deep = b"[" * 900 + b",".join([b"1"] * 30_000) + b"]" * 900
    answered(client, Response(200, headers=(("content-type", "application/json"),), body=deep), id="deep")
    began = time.process_time()
    answer = site.get("/_dashboard/jobs/deep")
    assert time.process_time() - began < 5
    assert answer.status == 200
    assert len(answer.body) < 200_000
    assert "JSON, laid out" not in answer.text


def test_other_json_is_laid_out():
    body = json.dumps({"a": [1, {"b": "\N{SNOWMAN}"}]}).encode()
    shown = preview("application/json", body, len(body))
    assert shown.kind == "json"
    assert shown.text == '{\n  "a": [\n    1,\n    {\n      "b": "\N{SNOWMAN}"\n    }\n  ]\n}'


def test_a_text_is_cut_where_it_is_too_long():
    assert [cut("a\nb", 3), cut("abcd", 3), cut("abc", 3)] == ["a b", "ab\N{HORIZONTAL ELLIPSIS}", "abc"]


def test_a_list_of_jobs_with_very_long_paths_is_no_slower(client, site):
    for _ in range(50):
        added(client, request=Request.of("GET", "/" + "p" * 500_000))
    site.get("/_dashboard/jobs")
    began = time.process_time()
    assert site.get("/_dashboard/jobs").status == 200
    assert time.process_time() - began < 5


def test_of_very_many_workers_some_are_shown_and_those_that_live_come_first(client, site):
    a_worker(client, id="lost-worker", host=socket.gethostname(), pid=2**22 + 1)  # no process has such a number
    for number in range(300):
        a_worker(client, id=f"w-{number}", host="elsewhere", slots=1)
    text = site.get("/_dashboard/").text
    assert len(re.findall(r'data-key="w-', text)) == 100
    assert "And 201 more workers" in text
    assert "lost-worker" not in text


def test_a_worker_is_busy_though_its_jobs_are_not_among_the_newest_that_run(client, site):
    for number in range(2):
        begun(client, added(client, id=f"old-{number}"), worker_id="first")
    new = [added(client) for _ in range(220)]
    client.store.claim([a_claim(client, job_id, worker_id="second") for job_id in new])
    a_worker(client, id="first", slots=2, busy=2)
    a_worker(client, id="second", slots=220, busy=220)
    assert re.findall(r"(\d+ of \d+) busy", site.get("/_dashboard/").text) == ["2 of 2", "220 of 220"]


@pytest.fixture
def mute(tmp_path):
    """The dashboard of a broker that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        settings = Settings.load({}, environ={"PUBSUB_EMULATOR_HOST": address}, start=tmp_path)
        settings.state.create()
        with Client(settings) as client:
            added(client, id="waits")
            site = Site(client)
            try:
                yield site
            finally:
                site.close()


def test_those_who_ask_a_mute_broker_leave_threads_to_others(mute):
    token = mute.form_token("/_dashboard/jobs/waits")
    took: list[float] = []

    def ask() -> None:
        began = time.monotonic()
        answer = mute.get("/_dashboard/broker")
        assert answer.status == 200
        assert 'class="notice trouble"' in answer.text
        took.append(time.monotonic() - began)

    asking = [threading.Thread(target=ask) for _ in range(4)]  # as many as the server has threads
    for each in asking:
        each.start()
    began = time.monotonic()
    assert mute.get("/_dashboard/jobs").status == 200
    assert time.monotonic() - began < 4
    peeked = mute.post("/_dashboard/broker/peek", csrf=token, subscription="projects/p/subscriptions/some")
    assert "other pages are waiting for the broker already" in peeked.text
    for each in asking:
        each.join()
    assert len(took) == 4
    assert max(took) < 16, "what did not answer is not asked for more"


def test_what_could_not_be_given_back_is_counted(monkeypatch):
    received = [{"ackId": "a", "message": {"messageId": "1", "data": "aGk="}}]
    monkeypatch.setattr(broker.messages, "pull", lambda *_, **__: received)
    monkeypatch.setattr(broker.messages, "give_back", lambda *_: {"a": "PERMANENT_FAILURE_INVALID_ACK_ID"})
    pulled, kept = broker._pulled(None, "s")  # type: ignore[arg-type]
    assert (len(pulled), kept) == (1, 1)
