"""The store's clock as a worker tells it on: whatever the worker's own says."""

import pytest

from pubsubctl.errors import StoreUnreachable
from pubsubctl.worker.storeclock import StoreClock


class Times:
    """A store's clock and our steady one, which go on at our word."""

    def __init__(self) -> None:
        self.store, self.steady, self.journey_s = 5_000.0, 100.0, 0.0
        self.asked, self.away = 0, False

    def pass_by(self, seconds: float) -> None:
        self.store += seconds
        self.steady += seconds

    def ask(self) -> float:
        self.asked += 1
        if self.away:
            raise StoreUnreachable("away")
        self.pass_by(self.journey_s / 2)
        said = self.store
        self.pass_by(self.journey_s / 2)
        return said

    def clock(self) -> StoreClock:
        return StoreClock(self.ask, steady=lambda: self.steady)


def test_between_two_questions_our_own_seconds_tell_it_on():
    times = Times()
    clock = times.clock()
    times.pass_by(12.5)
    assert clock.now() == pytest.approx(times.store)
    assert times.asked == 1


def test_a_slow_answer_is_taken_for_what_was_said_halfway():
    times = Times()
    times.journey_s = 4.0
    assert times.clock().now() == pytest.approx(times.store)


def test_it_is_asked_again_once_a_minute():
    times = Times()
    clock = times.clock()
    times.pass_by(59)
    times.store += 300  # somebody has set it
    clock.look()
    assert clock.now() == pytest.approx(times.store - 300)
    times.pass_by(1)
    clock.look()
    assert clock.now() == pytest.approx(times.store)


def test_what_it_said_last_stands_while_it_is_away():
    times = Times()
    clock = times.clock()
    times.pass_by(60)
    times.away = True
    with pytest.raises(StoreUnreachable):
        clock.look()
    assert clock.now() == pytest.approx(times.store)
