"""How many messages a worker holds, as jobs are short or long."""

import pytest

from pubsubctl.settings import Settings
from pubsubctl.worker.gears import Gears, Tempo
from pubsubctl.worker.plan import Plan
from pubsubctl.worker.stopping import Limits

SHORT, LONG = Tempo(0.0001, 0.0), Tempo(0.5, 0.0)
STALLED = Tempo(0.0001, 1.1)
LEAST, MOST = 33, 1001


@pytest.fixture
def gears() -> Gears:
    return Gears(1, least=LEAST, most=MOST)


def test_it_begins_low(gears):
    assert (gears.hold, gears.is_low) == (LEAST, True)


def test_more_is_held_while_jobs_are_short_and_what_may_be_held_is_in_hand(gears):
    assert not gears.shift(SHORT, held=LEAST // 2, now=0.0), "there are not as many jobs"
    assert not gears.shift(LONG, held=LEAST, now=0.0), "they are long"
    assert gears.shift(SHORT, held=LEAST, now=0.0)
    assert (gears.hold, gears.is_low) == (MOST, False)
    assert not gears.shift(SHORT, held=MOST, now=1.0), "there is no more"


def test_as_many_are_held_as_are_a_quarter_of_a_second_of_work_for_all_slots():
    gears = Gears(4, least=36, most=1004)
    assert gears.shift(Tempo(0.005, 0.0), held=36, now=0.0)
    assert gears.hold == 200
    assert not gears.shift(Tempo(0.003, 0.0), held=200, now=1.0), "another stream for less than twice as many is no use"
    assert gears.shift(Tempo(0.002, 0.0), held=200, now=2.0)
    assert gears.hold == 500


def test_few_are_held_when_every_slot_stalls_however_short_jobs_were(gears):
    gears.shift(SHORT, held=LEAST, now=0.0)
    assert not gears.shift(Tempo(0.0001, 0.9), held=MOST, now=1.0)
    assert gears.shift(STALLED, held=MOST, now=2.0)
    assert gears.is_low
    assert not gears.shift(STALLED, held=LEAST, now=3.0)


def test_few_are_held_when_jobs_have_become_long_and_more_are_in_hand_than_is_of_use(gears):
    gears.shift(SHORT, held=LEAST, now=0.0)
    assert not gears.shift(LONG, held=20, now=1.0), "so few do no harm"
    assert not gears.shift(LONG, held=20, now=3.0), "nor do they for longer"
    assert not gears.shift(LONG, held=100, now=4.0)
    assert gears.shift(LONG, held=100, now=5.1)
    assert gears.is_low


def test_one_job_that_took_long_makes_no_other_long(gears):
    gears.shift(SHORT, held=LEAST, now=0.0)
    for now in (1.0, 2.0, 3.0):
        assert not gears.shift(LONG, held=MOST, now=now)
        assert not gears.shift(SHORT, held=MOST, now=now + 0.5)
    assert gears.hold == MOST


def test_it_rests_longer_after_each_time_that_it_held_too_many(gears):
    now, rests = 0, []
    assert gears.shift(SHORT, held=LEAST, now=now)
    for _ in range(9):
        now += 1
        assert gears.shift(STALLED, held=MOST, now=now)
        down_at = now
        while not gears.shift(SHORT, held=LEAST, now=now):
            now += 1
        rests.append(now - down_at)
    assert rests == [2, 4, 8, 16, 32, 64, 120, 120, 120]


def test_what_it_has_learnt_it_forgets_where_many_were_no_harm_for_long(gears):
    for now in (0.0, 10.0, 20.0):
        assert gears.shift(SHORT, held=LEAST, now=now)
        assert gears.shift(STALLED, held=MOST, now=now + 1)
    assert not gears.shift(SHORT, held=LEAST, now=28.0), "it rests for eight seconds"
    assert gears.shift(SHORT, held=LEAST, now=30.0)
    assert gears.shift(STALLED, held=MOST, now=61.0)
    assert gears.shift(SHORT, held=LEAST, now=63.0), "and for two again"


def plan(max_jobs: int | None = None, **flags: str) -> Plan:
    settings = Settings.load({"processes": "2", "threads": "2", **flags}, environ={})
    return Plan(settings, "app", "w", Limits(max_jobs=max_jobs), False, 0.0, True, None)


def reach(gears: Gears) -> tuple[int, int]:
    """How many are held at first, and with jobs as short as can be."""
    least = gears.hold
    gears.shift(SHORT, held=least, now=0.0)
    return least, gears.hold


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (plan(), (36, 1004)),
        (plan(prefetch="5"), (9, 9)),
        (plan(prefetch="0"), (4, 4)),
        (plan(max_jobs=20), (20, 20)),
        (plan(max_jobs=500), (36, 500)),
        (plan(max_jobs=7, prefetch="100"), (7, 7)),
    ],
    ids=["as jobs are", "given", "none", "few jobs", "many jobs", "both"],
)
def test_it_stays_within_what_was_asked_for_and_with_what_jobs_may_still_run(given, expected):
    assert reach(given.gears()) == expected


def test_it_is_overfull_where_more_than_few_wait_behind_long_jobs(gears):
    assert gears.is_overfull(STALLED, held=LEAST + 2)
    assert not gears.is_overfull(STALLED, held=LEAST + 1), "few, and the job that runs"
    assert not gears.is_overfull(SHORT, held=LEAST + 2)
    gears.shift(SHORT, held=LEAST, now=0.0)
    assert not gears.is_overfull(STALLED, held=LEAST + 2), "another stream is about to be had for fewer"
