"""How soon hosts are said to work again: of traces that are made up."""

from bookkeeping.stories import Run, Story
from partitioning.lookout import Sights
from partitioning.mishaps import Mishap
from partitioning.recovery import Happened, Traces

from pubsubctl.store.timeline import Event, EventKind

LIVES = {"worker-1": (0.0, 999.0), "worker-2": (0.0, 20.0)}


def happened(began_at: float, mended_at: float, host: str = "worker-1") -> Happened:
    return Happened(Mishap("cannot reach the store", began_at, mended_at - began_at, host), began_at, mended_at)


def traces(*seen: tuple[float, bool], runs: tuple[float, ...] = ()) -> Traces:
    made = [Run("j", 1, 0.0, "worker-1", at) for at in runs]
    return Traces({"worker-1": Sights(seen), "worker-2": Sights()}, LIVES, made, [12.0, 41.5], [44.0])


def test_it_is_told_when_it_was_noticed_and_when_all_was_well_again():
    found = traces((9.0, True), (14.0, False), (39.0, False), (43.0, True), runs=(11.0, 45.0))
    (recovery,) = found.recoveries([happened(10.0, 40.0)])
    assert (recovery.host, recovery.noticed_s, recovery.ready_s, recovery.works_s) == ("worker-1", 4.0, 3.0, 5.0)
    assert recovery.collects_s is None


def test_a_store_that_nobody_reaches_strikes_all_who_are_there_and_the_submitter():
    found = list(traces((43.0, True)).recoveries([happened(10.0, 40.0, "store")]))
    assert [recovery.host for recovery in found] == ["submitter", "worker-1"], "worker-2 was no more"
    assert (found[0].works_s, found[0].collects_s) == (1.5, 4.0)


def test_nothing_is_told_of_a_host_that_something_else_strikes_meanwhile():
    assert [each.happened.began_at for each in traces().recoveries([happened(10.0, 40.0), happened(30.0, 50.0)])] == [
        30
    ]


def test_jobs_of_a_host_that_has_disappeared_are_told_with_when_they_began_elsewhere():
    runs = [Run("a", 1, 0.0, "worker-2", 19.0), Run("b", 1, 0.0, "worker-2", 18.0), Run("a", 2, 0.0, "worker-1", 31.5)]
    lost = Story("a", [Event(30.0, EventKind.LOST, 1)])
    done = Story("b", [Event(18.5, EventKind.ENDED, 1)])
    found = Traces({}, LIVES, runs, [], []).taken_over("worker-2", {"a": lost, "b": done})
    assert found == [11.5]


def test_what_comes_after_the_next_mishap_does_not_count():
    found = traces((46.0, True), runs=(47.0,))
    recovery, _ = found.recoveries([happened(10.0, 40.0), happened(45.0, 46.5)])
    assert (recovery.ready_s, recovery.works_s) == (None, None)
