"""The broker, or the store, is away: nothing is lost, and everybody is told what to do."""

import pytest
from gateway_kit import Surroundings

from pubsubctl import JobState
from pubsubctl.emulator import daemon
from pubsubctl.errors import StoreUnreachable
from pubsubctl.gateway import Terms
from pubsubctl.gateway.problems import of_error


@pytest.fixture
def alone(tmp_path):
    made = Surroundings(tmp_path)
    yield made
    made.close()


@pytest.fixture
def apart(tmp_path):
    made = Surroundings(tmp_path, payloads=str(tmp_path / "payloads"))
    yield made
    made.close()


def test_what_came_while_the_broker_was_away_is_a_job_and_runs_when_it_is_back(alone):
    with alone.gateway() as ask:
        assert ask("GET", "/echo/before").status == 202
        daemon.stop(alone.state)
        answer = ask("GET", "/echo/away")
        assert answer.status == 202, answer.body
        job_id = answer.json["id"]
        assert alone.client.get(job_id).state is JobState.QUEUED
        assert alone.client.get(job_id).message_id is None


def test_what_is_away_is_told_without_a_word_of_where_it_is(caplog):
    answer = of_error(StoreUnreachable("the store /var/lib/own/jobs.db is locked"))
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert "own" not in answer.get_data(as_text=True)
    assert "/var/lib/own/jobs.db" in caplog.text


def test_a_large_body_goes_to_the_payload_place_and_comes_back_as_it_was(apart):
    apart.worker()
    body = bytes(range(256)) * 80_000
    with apart.gateway(Terms(max_body=30_000_000)) as ask:
        answer = ask("POST", "/mirror", body, {"Content-Type": "application/x-own", "Prefer": "wait=60"})
        assert (answer.status, answer.header("content-type")) == (200, "application/x-own")
        assert answer.body == body
        chunks = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
        assert ask("POST", "/mirror", chunks, {"Prefer": "wait=60"}).body == body
        assert ask("POST", "/mirror", bytes(30_000_001)).status == 413
        again = ask("GET", f"/_jobs/{answer.header('pubsubctl-job')}/result")
        assert again.body == body
