"""What the switch between hosts does to packets, and the plan of what goes wrong: without any host."""

import random
from itertools import pairwise

import pytest
from partitioning.mishaps import JOINS, VANISHES, plan
from partitioning.weather import FAIR, Sky, Weather, worst

WORKERS = ["worker-1", "worker-2", "worker-3"]


def sent(weather: Weather, count: int = 1000) -> list[tuple[float, int]]:
    """When each of many packets, one a millisecond, has arrived, and which."""
    sky = Sky(random.Random(1))
    for number in range(count):
        sky.send("a", "b", number.to_bytes(2), weather, number / 1000)
    found = []
    while (moment := sky.next_at()) is not None:
        found += [(moment, int.from_bytes(packet)) for _, packet in sky.arrived(moment)]
    return found


def test_in_fair_weather_packets_arrive_at_once_and_in_order():
    assert sent(FAIR) == [(number / 1000, number) for number in range(1000)]


def test_through_a_cut_nothing_comes():
    assert sent(Weather(cut=True)) == []


def test_a_delay_with_jitter_keeps_the_order():
    found = sent(Weather(delay_s=0.2, jitter_s=0.1))
    assert [number for _, number in found] == list(range(1000))
    assert all(0.2 <= at - number / 1000 <= 0.31 for at, number in found)


@pytest.mark.parametrize(("weather", "low", "high"), [(Weather(loss=0.2), 750, 850), (Weather(twice=0.1), 1060, 1140)])
def test_packets_are_lost_and_come_twice(weather, low, high):
    assert low <= len(sent(weather)) <= high


def test_some_overtake_others():
    numbers = [number for _, number in sent(Weather(delay_s=0.05, early=0.1))]
    assert sorted(numbers) == list(range(1000))
    assert any(one > other for one, other in pairwise(numbers))


def test_several_spells_add_up():
    both = worst([Weather(delay_s=0.1, loss=0.1), Weather(delay_s=0.2, loss=0.05), FAIR])
    assert both == Weather(delay_s=pytest.approx(0.3), loss=0.1)
    assert worst([both, Weather(cut=True)]).cut
    assert worst([]) == FAIR


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_spoils_one_host_at_a_time_and_mends_it_again(seed):
    mishaps = plan(300, 5, WORKERS, "worker-4", random.Random(seed))
    assert mishaps == plan(300, 5, WORKERS, "worker-4", random.Random(seed))
    (gone,) = (mishap for mishap in mishaps if mishap.name == VANISHES)
    (new,) = (mishap for mishap in mishaps if mishap.name == JOINS)
    spoilt = [mishap for mishap in mishaps if mishap not in {gone, new}]
    assert len(spoilt) >= 15
    for host in {mishap.host for mishap in spoilt}:
        of_host = [mishap for mishap in spoilt if mishap.host == host]
        assert all(one.at_s + one.lasts_s < other.at_s for one, other in pairwise(of_host))
        assert all(mishap.at_s + mishap.lasts_s <= 300 for mishap in of_host)
    assert all(each.at_s + each.lasts_s <= gone.at_s for each in spoilt if each.host == gone.host)
    assert all(each.at_s > new.at_s for each in spoilt if each.host == new.host)
