"""What ended longer ago than results are kept is forgotten, by any number of workers, a little at a time."""

import threading

import pytest

from pubsubctl.errors import PayloadError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState, NewJob
from pubsubctl.payloads.keys import request_key
from pubsubctl.payloads.opening import open_place
from pubsubctl.store.opening import open_store
from pubsubctl.worker.disposal import Disposal
from pubsubctl.worker.forgetting import Forgetting

TTL_S = 100.0
REQUEST = Request("POST", "/", (), b"x" * 2000)


class Times:
    """A clock that only ``pause`` and the test move, and the store's clock, which is the same."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.paused = 0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> float:
        """A clock on which everything takes 10 ms."""
        self.now += 0.01
        return self.now

    def pause(self, seconds: float) -> None:
        assert seconds >= 0
        self.paused += 1


@pytest.fixture
def times():
    return Times()


@pytest.fixture
def store(tmp_path, times):
    with open_store(str(tmp_path / "jobs.db"), clock=times) as store:
        yield store


def ended(store, count):
    ids = [f"job-{number}" for number in range(count)]
    store.add([NewJob(job_id, REQUEST, "t") for job_id in ids])
    store.cancel(ids)


def count(store):
    return store.counts()[JobState.CANCELLED]


def test_only_what_is_old_enough_goes_and_only_once_a_minute(store, times):
    forgetting = Forgetting(store, TTL_S, clock=times, pause=times.pause)
    ended(store, 3)
    forgetting.some()
    times.now += TTL_S - 1
    forgetting.some()
    assert count(store) == 3
    times.now += 2
    forgetting.some()
    assert count(store) == 3, "it has looked not a minute ago"
    times.now += 60
    forgetting.some()
    assert count(store) == 0


def test_much_goes_in_steps_with_pauses_and_what_is_due_is_looked_up_in_between(store, times):
    ended(store, 3000)
    times.now += TTL_S + 1
    forgetting = Forgetting(store, TTL_S, clock=times.tick, pause=times.pause)
    calls = 0
    while count(store):
        forgetting.some()
        calls += 1
        assert calls < 100
    assert 3 < calls < 12
    assert times.paused >= 15


def test_the_space_goes_back_but_for_what_the_next_jobs_need(store, times):
    ended(store, 4000)
    size = store.space().total
    times.now += TTL_S + 1
    Forgetting(store, TTL_S, clock=times, pause=times.pause).some()
    space = store.space()
    assert space.total < size / 2
    assert 0 < space.free <= 0.3 * space.total


def test_bodies_that_are_kept_apart_follow_their_jobs(store, times, tmp_path):
    place = open_place(str(tmp_path / "bodies"))

    def kept(job_id: str) -> Request:
        with place.create(request_key(store.store_id, job_id)) as writing:
            writing.write(b"12345")
            return Request("POST", "/", payload=writing.commit())

    old, young = kept("old"), kept("young")
    store.add([NewJob("inline", REQUEST, "t"), NewJob("old", old, "t"), NewJob("young", young, "t")])
    store.cancel(["inline", "old"])
    times.now += TTL_S + 1
    disposal = Disposal(place, store.store_id)
    Forgetting(store, TTL_S, clock=times, disposal=disposal).some()
    disposal.close(10)
    assert store.get(["inline", "old"]) == [None, None]
    with place.open(young.payload) as body:
        assert body.read() == b"12345"
    with pytest.raises(PayloadError):
        place.open(old.payload)


def test_several_at_once_delete_each_job_once(tmp_path, times):
    path = str(tmp_path / "jobs.db")
    with open_store(path, clock=times) as store:
        ended(store, 3000)
        times.now += TTL_S + 1
        deleted, troubles = [], []

        def forget() -> None:
            try:
                with open_store(path, clock=times) as own:
                    purge = own.purge
                    own.purge = lambda **asked: deleted.append(done := purge(**asked)) or done
                    Forgetting(own, TTL_S).some()
                    while own.counts()[JobState.CANCELLED]:
                        own.purge(older_than_s=TTL_S, limit=100)
            except BaseException as error:
                troubles.append(error)
                raise

        threads = [threading.Thread(target=forget) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert troubles == []
        assert sum(each.count for each in deleted) == 3000
        assert sum(1 for each in deleted if each.count) > 10
        assert store.counts() == dict.fromkeys(JobState, 0)
