"""Waiting while the store is away."""

import io

import pytest

from pubsubctl.cli import waiting
from pubsubctl.cli.following import Pace
from pubsubctl.cli.waiting import Patience, patiently
from pubsubctl.errors import StoreUnreachable, WaitTimeout
from pubsubctl.render.display import Display


def away(times):
    left = iter(range(times))

    def look():
        if next(left, None) is not None:
            raise StoreUnreachable("the store is locked")
        return "found"

    return look


def test_a_store_that_comes_back_is_waited_for_and_said_once(monkeypatch):
    monkeypatch.setattr(waiting, "_STORE_RETRY_S", 0.001)
    said = io.StringIO()
    assert patiently(away(3), Display(said)) == "found"
    assert said.getvalue() == "the store is locked; trying again for 60 s\n"


def test_a_store_that_stays_away_ends_the_waiting(monkeypatch):
    monkeypatch.setattr(waiting, "_STORE_RETRY_S", 0.001)
    monkeypatch.setattr(waiting, "AWAY_S", 0.01)
    with pytest.raises(StoreUnreachable, match="locked"):
        patiently(away(10**6), Display(io.StringIO()))


def test_patience():
    Patience.of(None).check("never")
    Patience.of(60).check("not yet")
    with pytest.raises(WaitTimeout, match="now"):
        Patience.of(0).check("now")


def test_the_rate_is_of_the_last_seconds():
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    told = []
    for second in range(31):
        now[0] = float(second)
        told.append(pace.rate(min(second, 20) * 10))
    assert told[0] is None
    assert told[1:20] == pytest.approx([10.0] * 19)
    assert told[29] == pytest.approx(1.0), "ten jobs in the last ten seconds"
    assert told[30] is None, "nothing has ended for ten seconds"
