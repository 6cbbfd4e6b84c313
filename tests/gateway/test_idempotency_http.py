"""The Idempotency-Key header field (draft-ietf-httpapi-idempotency-key-header): one key, one job."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

_numbers = itertools.count()


@pytest.fixture
def key():
    return f"5ec5a5c2-{next(_numbers)}"


def post(ask, key, body=b"x", target="/echo/x", method="POST", **fields):
    headers = {"Content-Type": "text/plain", "Idempotency-Key": key} | {
        name.replace("_", "-"): value for name, value in fields.items()
    }
    return ask(method, target, body, headers)


def test_the_first_use_of_a_key_makes_a_job_and_its_replay_gives_that_back(ask, surroundings, key):
    first = post(ask, f'"{key}"')
    again = post(ask, f'"{key}"')
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json
    assert first.header("location") == again.header("location")
    assert surroundings.client.get(first.json["id"]).idempotency_key == key


def test_a_replay_that_waits_has_the_response_of_the_first(ask, key):
    first = post(ask, f'"{key}"', Prefer="wait=30")
    again = post(ask, f'"{key}"', Prefer="wait=30")
    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body
    assert first.header("pubsubctl-job") == again.header("pubsubctl-job")


def test_a_replay_while_the_first_runs_is_told_of_the_same_job(ask, folder, key):
    first = post(ask, key, None, f"/until{folder}/go", "GET", Prefer="respond-async")
    again = post(ask, key, None, f"/until{folder}/go", "GET", Prefer="wait=1, respond-async")
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json
    (folder / "go").touch()
    assert post(ask, key, None, f"/until{folder}/go", "GET", Prefer="wait=30").status == 200


def test_many_uses_at_once_make_one_job(ask, surroundings, key):
    before = sum(surroundings.client.store.counts().values())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(ask, f'"{key}"'), range(16)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sum(surroundings.client.store.counts().values()) == before + 1


@pytest.mark.parametrize(
    "other",
    [
        {"body": b"y"},
        {"body": None},
        {"target": "/echo/y"},
        {"target": "/echo/x?y=1"},
        {"method": "PUT"},
        {"Content_Type": "text/html"},
        {"Authorization": "Bearer somebody-else"},
        {"Accept": "text/html"},
    ],
    ids=str,
)
def test_a_key_with_another_request_is_422(ask, key, other):
    assert post(ask, f'"{key}"').status == 202
    answer = post(ask, f'"{key}"', **other)
    assert (answer.status, answer.header("content-type")) == (422, "application/problem+json")
    assert key in answer.json["detail"]


@pytest.mark.parametrize(
    "way",
    [
        {"Prefer": "wait=30"},
        {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
        {"User_Agent": "another/1"},
        {"X_Request_Id": "another"},
    ],
    ids=str,
)
def test_which_way_a_request_came_makes_it_no_other(ask, key, way):
    first = post(ask, f'"{key}"')
    again = post(ask, f'"{key}"', **way)
    assert again.status in {200, 202}
    assert again.header("pubsubctl-job") == first.header("pubsubctl-job")


@pytest.mark.parametrize("form", ['"{}"', "{}", ' "{}" ', '"{}"; a=1', '"{}";a'])
def test_a_key_is_a_string_of_rfc_8941_or_bare(ask, surroundings, key, form):
    answer = post(ask, form.format(key))
    assert answer.status == 202
    assert surroundings.client.get(answer.json["id"]).idempotency_key == key


def test_quoted_pairs_of_a_key_are_read(ask, surroundings, key):
    answer = post(ask, f'"{key}\\"\\\\"')
    assert surroundings.client.get(answer.json["id"]).idempotency_key == f'{key}"\\'


@pytest.mark.parametrize(
    "value", ["", '""', '"open', '"a" b', '"a\\b"', '"caf\xe9"', "x" * 1025, '"' + "x" * 1025 + '"']
)
def test_what_is_no_key_is_400(ask, value):
    answer = post(ask, value)
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")


def test_without_a_key_every_request_is_a_job_of_its_own(ask):
    headers = {"Content-Type": "text/plain"}
    assert ask("POST", "/echo/x", b"x", headers).json["id"] != ask("POST", "/echo/x", b"x", headers).json["id"]


def test_the_application_sees_the_key_as_it_was_sent(ask, key):
    assert post(ask, f'"{key}"', Prefer="wait=30").json["headers"]["idempotency-key"] == f'"{key}"'
