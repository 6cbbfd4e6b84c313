"""What happens to a job, as server-sent events (the HTML standard, section 9.2)."""

import http.client
import json

import pytest
from dashboard_jobs import added, answered, begun
from gateway_kit import eventually
from raw_socket import exchange

from pubsubctl.exchange import Response
from pubsubctl.gateway import events
from pubsubctl.gateway.events import mark
from pubsubctl.gateway.terms import Terms
from pubsubctl.job import JobState
from pubsubctl.store.claims import Outcome

TIMEOUT_S = 30


class Stream:
    """Reads a stream as the standard's section 9.2.6 has it."""

    def __init__(self, asking, place, headers=()):
        self._connection = http.client.HTTPConnection(asking.address, timeout=TIMEOUT_S)
        self._connection.request("GET", place, headers=dict(headers))
        self.response = self._connection.getresponse()
        self.retry_ms = None

    def __iter__(self):
        event = {}
        for line in self.response:
            text = line.decode().rstrip("\n")
            assert "\r" not in text
            name, _, value = text.partition(":")
            if text.startswith(":"):
                continue
            if name == "retry":
                self.retry_ms = int(value)
            elif text:
                event[name] = event.get(name, "") + value.removeprefix(" ")
            elif "data" in event:
                yield event["event"], json.loads(event["data"]), event["id"]
                event = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self._connection.close()


@pytest.fixture(scope="module")
def client(surroundings):
    return surroundings.client


def test_a_stream_tells_what_happens_to_a_job_and_ends_with_it(ask, folder):
    job_id = ask("GET", f"/steps{folder}/go").json["id"]
    with Stream(ask, f"/_jobs/{job_id}/events") as stream:
        assert stream.response.status == 200
        assert stream.response.headers["Content-Type"].partition(";")[0] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "no-store"
        seen = []
        for name, job, _ in stream:
            seen.append((name, job["state"], job["progress"]["fraction"]))
            if job["progress"]["fraction"] is not None:
                assert job["progress"]["note"].endswith("\n<script>")
                (folder / f"go-{round(job['progress']['fraction'] * 4)}").touch()
        assert stream.retry_ms > 0
    assert seen[-1] == ("end", "succeeded", 0.75)
    assert {name for name, _, _ in seen[:-1]} == {"job"}
    fractions = [fraction for _, state, fraction in seen if state == "running" and fraction]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 0.75


def test_what_has_ended_is_told_at_once(ask, client):
    job_id = answered(client)
    with Stream(ask, f"/_jobs/{job_id}/events") as stream:
        ((name, job, last),) = stream
    assert (name, job["id"], job["state"]) == ("end", job_id, "succeeded")
    assert job == ask("GET", f"/_jobs/{job_id}").json
    assert last == mark(client.get(job_id))


def test_whoever_has_seen_the_end_is_told_to_ask_no_more(ask, client):
    job_id = answered(client)
    last = mark(client.get(job_id))
    answer = ask("GET", f"/_jobs/{job_id}/events", headers={"Last-Event-ID": last})
    assert (answer.status, answer.body, answer.header("content-type")) == (204, b"", None)


@pytest.mark.parametrize("last", ["", "1-running", "something else", "caf\xe9"])
def test_whoever_has_seen_less_is_told_how_it_is_now(ask, client, last):
    job_id = answered(client)
    with Stream(ask, f"/_jobs/{job_id}/events", {"Last-Event-ID": last}) as stream:
        assert [name for name, _, _ in stream] == ["end"]


def test_a_job_that_is_retried_after_its_end_is_followed_again(ask, client):
    job_id = added(client)
    client.job(job_id).cancel()
    last = mark(client.get(job_id))
    client.retry(job_id)
    with Stream(ask, f"/_jobs/{job_id}/events", {"Last-Event-ID": last}) as stream:
        name, job, _ = next(iter(stream))
        assert (name, job["state"]) == ("job", "queued")


def test_each_of_many_streams_hears_the_end(ask, client):
    job_id = added(client)
    streams = [Stream(ask, f"/_jobs/{job_id}/events") for _ in range(8)]
    for stream in streams:
        assert next(iter(stream))[:1] == ("job",)
    attempt = begun(client, job_id)
    client.store.record([Outcome(job_id, attempt, JobState.SUCCEEDED, response=Response(200))])
    for stream in streams:
        with stream:
            assert [name for name, _, _ in stream][-1] == "end"


def test_head_tells_of_a_stream_and_opens_none(ask, client):
    job_id = added(client)
    said = exchange(
        ask.address, f"HEAD /_jobs/{job_id}/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"text/event-stream" in head.lower()
    assert body == b""


def test_no_more_streams_are_open_than_may_and_a_closed_one_makes_room(surroundings, client):
    job_id = added(client)
    place = f"/_jobs/{job_id}/events"
    with surroundings.gateway(Terms(max_waits=2)) as asking:
        with Stream(asking, place) as one, Stream(asking, place) as other:
            assert [next(iter(stream))[0] for stream in (one, other)] == ["job", "job"]
            refused = asking("GET", place)
            assert (refused.status, refused.header("content-type")) == (503, "application/problem+json")
            assert int(refused.header("retry-after")) >= 1
        eventually(lambda: _is_let_in(asking, place), what="a place is free")


def _is_let_in(asking, place):
    with Stream(asking, place) as stream:
        return stream.response.status == 200


def test_a_quiet_stream_is_kept_alive_by_comments(ask, client, monkeypatch):
    monkeypatch.setattr(events, "_HEARTBEAT_S", 0.1)
    with Stream(ask, f"/_jobs/{added(client)}/events") as stream:
        lines = [stream.response.readline() for _ in range(20)]
    assert lines.count(b":\n") >= 3
