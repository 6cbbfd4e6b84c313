import pytest
from given import a_claim, a_failure, a_job, a_retry, added, an_outcome, running

from pubsubctl.job import Reason
from pubsubctl.store.answers import Added
from pubsubctl.store.claims import Claimed
from pubsubctl.store.messages import Burial
from pubsubctl.store.timeline import EventKind


def test_finished_jobs_go_with_all_that_is_known_of_them(store):
    running(store, "succeeded", "failed", "stays")
    store.record([an_outcome("succeeded", log="a"), a_failure("failed", log="b"), an_outcome("stays", log="c")])
    added(store, "cancelled")
    store.cancel(["cancelled"])
    store.bury([Burial("msg-1", "1", "t", "no path", (), b"")])
    ids = ["succeeded", "failed", "cancelled", "msg-1"]
    assert store.delete(ids).count == len(ids)
    assert store.get(ids) == [None] * len(ids)
    for job_id in ids:
        assert (store.request(job_id), store.response(job_id), store.history(job_id)) == (None, None, [])
    assert [job.id for job in store.find().jobs] == ["stays"]
    assert store.response("stays") is not None
    assert store.history("stays")[-1].log == "c"


def test_jobs_that_have_not_finished_are_left(store):
    running(store, "runs", "waits-again")
    added(store, "waits")
    store.record([a_retry("waits-again")])
    ids = ["runs", "waits-again", "waits"]
    before = store.get(ids), [store.history(job_id) for job_id in ids]
    assert store.delete(ids).count == 0
    assert (store.get(ids), [store.history(job_id) for job_id in ids]) == before
    assert None not in [store.request(job_id) for job_id in ids]
    assert store.record([an_outcome("runs")]) == [True]


def test_what_is_not_there_and_what_is_named_twice_is_counted_right(store):
    running(store)
    store.record([an_outcome()])
    assert store.delete([]).count == 0
    assert store.delete(["nobody", "job-1", "job-1"]).count == 1
    assert store.delete(["job-1"]).count == 0


def test_its_idempotency_key_is_free_again(store):
    store.add([a_job(idempotency_key="k")])
    store.cancel(["job-1"])
    store.delete(["job-1"])
    assert store.add([a_job("job-2", idempotency_key="k")]) == [Added("job-2")]


def test_a_job_of_the_same_id_begins_anew(store):
    running(store)
    store.record([an_outcome(log="old")])
    store.delete(["job-1"])
    assert store.claim([a_claim()]) == [Claimed("job-1", 1, 0, 5)]
    assert EventKind.ENDED not in [event.kind for event in store.history("job-1")]
    assert store.response("job-1") is None


def test_in_a_group_that_fails_nothing_is_deleted(store):
    running(store)
    store.record([an_outcome(log="kept")])

    def fail() -> None:
        with store.group():
            store.delete(["job-1"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.response("job-1") is not None
    assert store.history("job-1")[-1].log == "kept"


def test_many_go_at_once(store):
    store.add([a_job(f"job-{number}") for number in range(2000)])
    store.cancel([f"job-{number}" for number in range(2000)])
    assert store.delete([f"job-{number}" for number in range(2000)]).count == 2000
    assert store.find().jobs == []
    assert store.find(reasons=list(Reason)).jobs == []
