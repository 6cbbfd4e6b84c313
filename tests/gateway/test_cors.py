"""Pages of other origins (the Fetch standard's CORS protocol): let in where the gateway was told so, and only then."""

import pytest

from pubsubctl.gateway.terms import Terms

PAGE, OTHER = "https://page.example", "https://other.example"
TOKEN = "correct-horse-battery-staple"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, x-own"}


@pytest.fixture(scope="module")
def some(surroundings):
    with surroundings.gateway(Terms(cors_origins=(PAGE, "http://localhost:3000"))) as asking:
        yield asking


@pytest.fixture(scope="module")
def guarded(surroundings):
    with surroundings.gateway(Terms(cors_origins=(PAGE,), token=TOKEN)) as asking:
        yield asking


@pytest.fixture(scope="module")
def every(surroundings):
    with surroundings.gateway(Terms(cors_origins=("*",), token=TOKEN)) as asking:
        yield asking


def of_cors(answer):
    return {name: value for name, value in answer.headers if name.startswith("access-control-")}


def jobs(surroundings):
    return sum(surroundings.client.store.counts().values())


@pytest.mark.parametrize("target", ["/echo/x", "/_jobs", "/_jobs/x"])
def test_a_preflight_is_answered_without_a_token_and_makes_no_job(guarded, surroundings, target):
    before = jobs(surroundings)
    answer = guarded("OPTIONS", target, headers={"Origin": PAGE, **ASKS})
    assert (answer.status, answer.body) == (204, b"")
    said = of_cors(answer)
    assert said["access-control-allow-origin"] == PAGE
    assert {"POST", "DELETE", "PATCH"} <= set(said["access-control-allow-methods"].split(", "))
    assert said["access-control-allow-headers"] == "authorization, x-own"
    assert int(said["access-control-max-age"]) > 0
    assert "Origin" in answer.all("vary")
    assert jobs(surroundings) == before


def test_the_page_may_read_the_answer_and_the_fields_that_it_needs(some):
    answer = some("POST", "/echo/x", b"x", {"Origin": PAGE})
    assert answer.status == 202
    said = of_cors(answer)
    assert said["access-control-allow-origin"] == PAGE
    exposed = set(said["access-control-expose-headers"].lower().split(", "))
    assert {"location", "retry-after", "preference-applied", "pubsubctl-job", "link"} <= exposed
    assert "Origin" in ", ".join(answer.all("vary"))


def test_a_page_that_waits_may_read_the_answer_too(some):
    answer = some("GET", "/predict", headers={"Origin": PAGE, "Prefer": "wait=30"})
    assert answer.status == 200
    assert of_cors(answer)["access-control-allow-origin"] == PAGE
    assert {"Origin", "Prefer"} <= set(", ".join(answer.all("vary")).split(", "))


def test_a_refusal_can_be_read_too(guarded):
    answer = guarded("GET", "/_jobs", headers={"Origin": PAGE})
    assert answer.status == 401
    assert of_cors(answer)["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize(
    "origin", [OTHER, "https://page.example.evil", "http://page.example", "null", PAGE.upper(), ""]
)
def test_other_origins_are_told_nothing(guarded, surroundings, origin):
    before = jobs(surroundings)
    preflight = guarded("OPTIONS", "/echo/x", headers={"Origin": origin, **ASKS})
    assert (preflight.status, of_cors(preflight)) == (401, {})
    answer = guarded("GET", "/_jobs", headers={"Origin": origin, "Authorization": f"Bearer {TOKEN}"})
    assert (answer.status, of_cors(answer)) == (200, {})
    assert "Origin" in answer.all("vary")
    assert jobs(surroundings) == before


def test_where_all_may_ask_the_answer_is_the_same_for_all(every):
    answer = every("GET", "/_jobs", headers={"Origin": OTHER, "Authorization": f"Bearer {TOKEN}"})
    assert of_cors(answer)["access-control-allow-origin"] == "*"
    assert "Origin" not in answer.all("vary")


def test_nobody_is_asked_for_cookies(every, some):
    for asking in (every, some):
        for method, fields in (("OPTIONS", ASKS), ("GET", {})):
            said = of_cors(asking(method, "/_jobs", headers={"Origin": PAGE, **fields}))
            assert said
            assert "access-control-allow-credentials" not in said


def test_without_being_told_so_no_page_may_ask(ask, surroundings):
    before = jobs(surroundings)
    for method, fields in (("OPTIONS", ASKS), ("POST", {}), ("GET", {})):
        answer = ask(method, "/echo/x", headers={"Origin": PAGE, **fields})
        assert answer.status == 403
        assert not of_cors(answer)
    assert jobs(surroundings) == before


def test_options_that_is_no_preflight_is_a_request_as_any(some):
    assert some("OPTIONS", "/echo/x", headers={"Origin": PAGE}).status == 202


def test_the_applications_own_cors_fields_are_kept_where_the_gateway_has_none(ask):
    answer = ask(
        "POST", "/raw", b'{"headers": [["Access-Control-Allow-Origin", "https://own"]]}', {"Prefer": "wait=30"}
    )
    assert of_cors(answer) == {"access-control-allow-origin": "https://own"}


def test_the_gateways_cors_fields_take_the_place_of_the_applications(some):
    body = b'{"headers": [["Access-Control-Allow-Origin", "*"], ["Access-Control-Allow-Credentials", "true"]]}'
    answer = some("POST", "/raw", body, {"Origin": PAGE, "Prefer": "wait=30"})
    assert answer.all("access-control-allow-origin") == [PAGE]
