"""The token: who shows it is let in, and nobody else comes to see it."""

import logging

import pytest

from pubsubctl.errors import UsageError
from pubsubctl.gateway.guard import same
from pubsubctl.gateway.terms import Terms

TOKEN = "correct-horse-battery-staple"
PLACES = [
    ("POST", "/echo/x"),
    ("OPTIONS", "/echo/x"),
    ("GET", "/_jobs"),
    ("GET", "/_jobs/x"),
    ("DELETE", "/_jobs/x"),
    ("GET", "/_jobs/x/result"),
    ("GET", "/_jobs/x/events"),
    ("GET", "/_jobs/openapi.json"),
    ("GET", "/_jobs/nothing/there"),
]


@pytest.fixture(scope="module")
def guarded(surroundings):
    with surroundings.gateway(Terms(token=TOKEN)) as asking:
        yield asking


@pytest.mark.parametrize(("method", "target"), PLACES)
def test_nothing_is_answered_without_the_token(guarded, method, target):
    answer = guarded(method, target)
    assert (answer.status, answer.header("content-type")) == (401, "application/problem+json")
    assert answer.header("www-authenticate") == 'Bearer realm="pubsubctl"'


@pytest.mark.parametrize(
    "fields",
    [
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN.upper()}"},
        {"Pubsubctl-Token": "another"},
        {"Pubsubctl-Token": "another", "Authorization": f"Bearer {TOKEN}"},
        {"Pubsubctl-Token": "caf\xe9"},
    ],
)
def test_another_token_is_refused_as_invalid(guarded, fields):
    answer = guarded("GET", "/_jobs", headers=fields)
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Bearer realm="pubsubctl", error="invalid_token"'
    assert TOKEN.encode() not in answer.body


@pytest.mark.parametrize("value", [TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer{TOKEN}"])
def test_what_is_no_bearer_token_is_as_none(guarded, value):
    answer = guarded("GET", "/_jobs", headers={"Authorization": value})
    assert (answer.status, answer.header("www-authenticate")) == (401, 'Bearer realm="pubsubctl"')


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_opens_the_door_and_goes_no_further(guarded, surroundings, scheme):
    answer = guarded("GET", "/echo/x", headers={"Authorization": f"{scheme} {TOKEN}", "Prefer": "wait=30"})
    assert answer.status == 200
    assert not {"authorization", "pubsubctl-token"} & set(answer.json["headers"])
    kept = surroundings.client.store.request(answer.header("pubsubctl-job"))
    assert TOKEN not in str(kept)


def test_no_cache_gives_to_others_what_the_gateways_own_field_has_opened(guarded):
    for fields in ({"Pubsubctl-Token": TOKEN, "Prefer": "wait=30"}, {"Pubsubctl-Token": TOKEN}, {}):
        assert "Pubsubctl-Token" in ", ".join(guarded("GET", "/predict", headers=fields).all("vary"))


def test_a_token_in_the_query_is_none(guarded):
    assert guarded("GET", f"/_jobs?access_token={TOKEN}").status == 401


@pytest.mark.parametrize("value", ["Bearer the-token-of-the-application", "Basic YTpi", "Digest x=1"])
def test_authorization_is_for_the_application_where_the_gateways_own_field_is_used(guarded, value):
    headers = {"Pubsubctl-Token": TOKEN, "Authorization": value, "Prefer": "wait=30"}
    said = guarded("GET", "/echo/x", headers=headers).json["headers"]
    assert said["authorization"] == value
    assert "pubsubctl-token" not in said


def test_authorization_is_for_the_application_where_there_is_no_token(ask):
    said = ask("GET", "/echo/x", headers={"Authorization": f"Bearer {TOKEN}", "Prefer": "wait=30"}).json
    assert said["headers"]["authorization"] == f"Bearer {TOKEN}"


def test_the_token_is_in_no_log(guarded, surroundings, caplog):
    caplog.set_level(logging.DEBUG)
    for shown in (TOKEN, f"{TOKEN}x"):
        guarded("GET", "/echo/log", headers={"Authorization": f"Bearer {shown}"})
        guarded("GET", "/_jobs/none", headers={"Pubsubctl-Token": shown})
    assert TOKEN not in caplog.text
    for log in surroundings.folder.glob("*.log"):
        assert TOKEN not in log.read_text()


@pytest.mark.parametrize("token", ["", "short", "caf\xe9-caf\xe9-caf\xe9-caf\xe9"])
def test_what_can_be_guessed_or_sent_in_no_field_is_no_token(token):
    with pytest.raises(UsageError, match="ASCII"):
        Terms(token=token)


@pytest.mark.parametrize("shown", ["", TOKEN[:-1], f"{TOKEN} ", "\udcff", "\u20ac"])
def test_only_the_same_token_is_the_same(shown):
    assert not same(shown, TOKEN)
    assert same(TOKEN, TOKEN)
