"""Leases are not believed while workers that live may not have renewed theirs."""

import pytest

from pubsubctl.worker.credence import DOUBT_S, Credence

EVERY_S = 20.0


class Clocks:
    """A wall clock and a steady one, which the test moves, and the last renewal."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.steady = self.renewed_at = 50.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def credence(clocks: Clocks) -> Credence:
    return Credence(lambda: clocks.renewed_at, EVERY_S, wall=lambda: clocks.wall, steady=lambda: clocks.steady)


def test_leases_are_believed_at_once_and_for_as_long_as_they_are_renewed(credence, clocks):
    for _ in range(10):
        assert credence.holds()
        clocks.pass_by(EVERY_S)
        assert credence.holds()
        clocks.renewed_at = clocks.steady


def test_leases_are_not_believed_until_a_moment_after_they_could_be_renewed_again(credence, clocks):
    clocks.pass_by(300)
    for _ in range(10):  # however long the store stays away
        clocks.pass_by(DOUBT_S)
        assert not credence.holds()
    clocks.renewed_at = clocks.steady
    clocks.pass_by(DOUBT_S - 0.1)
    assert not credence.holds()
    clocks.pass_by(0.1)
    assert credence.holds()


@pytest.mark.parametrize("moved_s", [7200, -7200])
def test_leases_are_not_believed_for_a_moment_after_the_clock_was_moved(credence, clocks, moved_s, caplog):
    clocks.wall += moved_s
    assert not credence.holds()
    clocks.pass_by(DOUBT_S - 0.1)
    assert not credence.holds()
    clocks.pass_by(0.1)
    assert credence.holds()
    assert [record.message for record in caplog.records] == [
        f"the clock was moved by {moved_s:+d} s; leases are given a moment to be renewed"
    ]


def test_a_clock_that_is_kept_right_in_small_steps_disturbs_nothing(credence, clocks):
    for _ in range(40):
        clocks.wall += 0.5
        clocks.pass_by(0.25)
        assert credence.holds()
