"""Any request becomes a job: 202 and a place to ask, or the answer itself."""

import time

import pytest


def ended(ask, place, timeout_s=40.0):
    deadline = time.monotonic() + timeout_s
    while (answer := ask("GET", place)).json["finished_at"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return answer


def test_a_request_becomes_a_job_and_is_told_where_to_ask(ask):
    answer = ask("POST", "/echo/a%2Fb?x=1&x=%20", b"hello", {"Content-Type": "text/plain", "X-Own": "1"})
    assert answer.status == 202
    place = answer.header("location")
    assert place == answer.json["links"]["self"] == f"/_jobs/{answer.json['id']}"
    assert int(answer.header("retry-after")) >= 1
    job = ended(ask, place)
    assert (job.json["state"], job.json["method"], job.json["path"]) == ("succeeded", "POST", "/echo/a%2Fb?x=1&x=%20")
    assert job.header("retry-after") is None
    result = ask("GET", answer.json["links"]["result"])
    assert (result.status, result.header("content-type")) == (200, "application/json")
    said = result.json
    assert (said["method"], said["path"], said["query"], said["body"]) == ("POST", "/echo/a/b", "x=1&x=%20", "hello")
    assert said["headers"]["x-own"] == "1"


def test_a_client_that_would_wait_has_the_answer_itself(ask):
    answer = ask("GET", "/headers", headers={"Prefer": "wait=30"})
    assert (answer.status, answer.body) == (203, b"<script>alert(1)</script>")
    assert answer.header("preference-applied") == "wait=30"
    assert answer.all("set-cookie") == ["a=1", "b=2"]
    assert answer.header("x-own") == "caf\xe9"
    assert answer.header("pubsubctl-job")


@pytest.mark.parametrize("prefer", ["respond-async, wait=1", "wait=1; x=y, Respond-Async"])
def test_whoever_has_waited_long_enough_is_told_where_to_ask(ask, folder, prefer):
    began = time.monotonic()
    answer = ask("GET", f"/until{folder}/end", headers={"Prefer": prefer})
    assert time.monotonic() - began >= 1
    assert (answer.status, answer.header("preference-applied")) == (202, "respond-async, wait=1")
    (folder / "end").touch()
    assert ended(ask, answer.header("location")).json["state"] == "succeeded"
