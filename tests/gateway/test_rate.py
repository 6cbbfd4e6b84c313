"""How many requests a client may make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.gateway import rate
from pubsubctl.gateway.rate import Rate
from pubsubctl.gateway.terms import Terms


def test_without_a_rate_everybody_asks_as_often_as_they_like():
    unbounded = Rate(0)
    assert {unbounded.wait_s("a", 0.0) for _ in range(10_000)} == {0.0}


def test_a_quiet_client_may_ask_in_a_burst_and_then_at_the_rate():
    bounded = Rate(5)
    assert [bounded.wait_s("a", 100.0) for _ in range(10)] == [0.0] * 10
    assert bounded.wait_s("a", 100.0) == pytest.approx(0.2)
    assert bounded.wait_s("a", 100.1) == pytest.approx(0.1)
    assert bounded.wait_s("a", 100.21) == 0.0
    assert bounded.wait_s("a", 100.21) > 0


def test_each_client_has_a_rate_of_its_own():
    bounded = Rate(1)
    for client in ("a", "b", "c"):
        assert [bounded.wait_s(client, 0.0) > 0 for _ in range(3)] == [False, False, True]


def test_less_than_one_a_second_lets_one_in():
    bounded = Rate(0.1)
    assert bounded.wait_s("a", 0.0) == 0.0
    assert bounded.wait_s("a", 0.0) == pytest.approx(10)
    assert bounded.wait_s("a", 10.01) == 0.0


def test_no_more_clients_are_remembered_than_may(monkeypatch):
    monkeypatch.setattr(rate, "_MOST_CLIENTS", 3)
    bounded = Rate(1)
    for client in "abcd":
        bounded.wait_s(client, 0.0)
    assert list(bounded._buckets) == ["b", "c", "d"]


@given(
    st.floats(0.1, 100),
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_over_any_time_no_more_are_let_in_than_the_rate_and_a_burst(per_s, gaps):
    bounded, now, let_in = Rate(per_s), 0.0, 0
    for gap in gaps:
        now += gap
        let_in += bounded.wait_s("a", now) == 0.0
        assert let_in <= max(1.0, per_s * rate._BURST_S) + per_s * now + 1e-6


@given(st.floats(0.1, 100), st.lists(st.floats(0, 1), max_size=50))
def test_whoever_waits_as_long_as_told_is_let_in(per_s, gaps):
    bounded, now = Rate(per_s), 0.0
    for gap in gaps:
        now += gap
        wait_s = bounded.wait_s("a", now)
        if wait_s:
            now += wait_s + 1e-9 * (1 + now)
            assert bounded.wait_s("a", now) == 0.0


def test_a_client_that_asks_too_often_is_429_with_retry_after(surroundings):
    with surroundings.gateway(Terms(rate_per_s=0.05, token="correct-horse-battery-staple")) as ask:
        assert ask("GET", "/_jobs").status == 401
        refused = ask("GET", "/_jobs")
        assert (refused.status, refused.header("content-type")) == (429, "application/problem+json")
        assert 1 <= int(refused.header("retry-after")) <= 20


def test_a_refused_request_makes_no_job(surroundings):
    with surroundings.gateway(Terms(rate_per_s=0.01)) as ask:
        assert ask("POST", "/echo/x", b"x").status == 202
        before = sum(surroundings.client.store.counts().values())
        assert ask("POST", "/echo/x", b"x").status == 429
        assert sum(surroundings.client.store.counts().values()) == before
