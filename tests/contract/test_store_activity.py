import pytest
from given import MAX_CRASHES, a_claim, a_failure, a_job, a_retry, added, an_outcome, due, running

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Lease
from pubsubctl.store.messages import Burial, Published, Returned, Unpublished

SHORT = {"within_s": 50.0, "steps": 5}


def ended(store, *job_ids, **changes):
    running(store, *job_ids)
    store.record([an_outcome(job_id, **changes) for job_id in job_ids])


def test_of_an_empty_store_every_step_is_empty(store):
    seen = store.activity(within_s=60.0, steps=6)
    assert seen.succeeded == seen.failed == seen.cancelled == (0,) * 6
    assert seen.queue_times_s == seen.run_times_s == ()


def test_the_steps_end_now_and_are_as_long_as_is_asked_for(store):
    seen = store.activity(**SHORT)
    assert seen.step_s == pytest.approx(10.0)
    assert seen.begins_at == pytest.approx(store.now() - 50.0)


def test_of_very_many_steps_a_store_may_make_fewer_and_tells_so(store):
    seen = store.activity()
    assert seen.step_s * len(seen.succeeded) == pytest.approx(3600.0)
    assert len(seen.succeeded) == len(seen.failed) == len(seen.cancelled) <= 60


def test_every_way_to_end_is_counted_in_the_step_of_its_end(store, backend):
    ended(store, "before")
    backend.advance(50.0)
    ended(store, "a")
    backend.advance(10.0)
    running(store, "b", "c", "d", "stays")
    store.record([an_outcome("b"), a_failure("c"), an_outcome("d")])
    backend.advance(10.0)
    running(store, "e")
    store.cancel(["e"])
    backend.advance(10.0)
    ended(store, "f")
    seen = store.activity(**SHORT)
    assert seen.succeeded == (0, 1, 2, 0, 1)
    assert seen.failed == (0, 0, 1, 0, 0)
    assert seen.cancelled == (0, 0, 0, 1, 0)


def test_a_step_has_its_end_and_not_its_beginning(store, backend):
    ended(store, "a")
    assert store.activity(**SHORT).succeeded == (0, 0, 0, 0, 1)
    backend.advance(10.0)
    assert store.activity(**SHORT).succeeded == (0, 0, 0, 1, 0)
    backend.advance(40.0)
    assert store.activity(**SHORT).succeeded == (0, 0, 0, 0, 0)


def test_jobs_that_end_at_the_edges_of_steps_are_each_counted_once(store, backend):
    for number in range(30):
        ended(store, f"job-{number}")
        backend.advance(0.7)
    assert sum(store.activity(within_s=21.0, steps=9).succeeded) == pytest.approx(29.5, abs=0.6)
    assert sum(store.activity(within_s=100.0, steps=7).succeeded) == 30


def test_very_many_that_end_are_all_counted(store, backend):
    for start in range(0, 600, 100):
        ended(store, *(f"job-{number}" for number in range(start, start + 100)))
        backend.advance(10.0)
    seen = store.activity(within_s=60.0, steps=3)
    assert sum(seen.succeeded) == 500
    assert seen.succeeded == (200, 200, 100)
    assert 1 <= len(seen.run_times_s) <= 500


def test_what_is_retried_by_hand_counts_no_more_until_it_ends_again(store, backend):
    running(store)
    store.record([a_failure()])
    store.retry(["job-1"])
    assert sum(store.activity(**SHORT).failed) == 0
    backend.advance(1.0)
    store.claim([a_claim(message_id="m")])
    store.record([an_outcome(attempt=2)])
    seen = store.activity(**SHORT)
    assert (sum(seen.succeeded), sum(seen.failed)) == (1, 0)


def test_the_latest_jobs_tell_how_long_they_waited_and_ran(store, backend):
    added(store)
    store.published([Published("job-1", "message-1")])
    backend.advance(3.0)
    store.claim([a_claim()])
    backend.advance(4.0)
    store.record([an_outcome()])
    ended(store, "quick")
    seen = store.activity(**SHORT)
    assert sorted(seen.queue_times_s) == pytest.approx([0.0, 3.0])
    assert sorted(seen.run_times_s) == pytest.approx([0.0, 4.0])


def test_a_job_that_nobody_has_told_of_a_message_waits_from_its_creation_at_most(store, backend):
    added(store)
    backend.advance(3.0)
    store.claim([a_claim(age_s=2.0)])
    store.record([an_outcome()])
    (waited,) = store.activity(**SHORT).queue_times_s
    assert waited == pytest.approx(2.0)


def test_the_time_before_a_delayed_job_may_run_is_no_waiting(store, backend):
    added(store, delay_s=20.0)
    backend.advance(20.0)
    assert due(store) == ["job-1"]
    store.published([Published("job-1", "message-1")])
    backend.advance(1.0)
    store.claim([a_claim()])
    store.record([an_outcome()])
    assert store.activity(**SHORT).queue_times_s == pytest.approx((1.0,))


def test_of_a_job_with_more_attempts_only_the_last_run_is_told(store, backend):
    running(store)
    backend.advance(2.0)
    store.record([a_retry(retry_in_s=5.0)])
    backend.advance(5.0)
    store.claim([a_claim(message_id="m")])
    backend.advance(3.0)
    store.record([a_failure(attempt=2, reason=Reason.EXHAUSTED)])
    seen = store.activity(**SHORT)
    assert seen.queue_times_s == ()
    assert seen.run_times_s == pytest.approx((3.0,))


def test_nothing_is_told_of_runs_that_nobody_saw_end_or_that_were_none(store, backend):
    added(store, "refused", "returned", "cancelled")
    store.published([Published("returned", "m")])
    store.unpublished([Unpublished("refused", "no")])
    store.returned([Returned("returned", "m", "too often")])
    store.cancel(["cancelled"])
    store.bury([Burial("msg-1", "1", "t", "no path", (), b"")])
    running(store, "stopped", "given-back")
    store.release([Lease("given-back", 1)])
    store.cancel(["stopped", "given-back"])
    seen = store.activity(**SHORT)
    assert (sum(seen.failed), sum(seen.cancelled)) == (3, 3)
    assert seen.queue_times_s == seen.run_times_s == ()
    running(store, "crashed")
    for number in range(2, MAX_CRASHES + 1):
        backend.advance(100.0)
        assert "crashed" in due(store)
        store.claim([a_claim("crashed", message_id=f"m{number}")])
    backend.advance(100.0)
    due(store)
    assert store.get(["crashed"])[0].state is JobState.FAILED
    seen = store.activity(within_s=1000.0, steps=2)
    assert sum(seen.failed) == 4
    assert seen.run_times_s == ()


def test_what_is_deleted_is_not_counted(store):
    ended(store, "a", "b")
    store.delete(["a"])
    assert sum(store.activity(**SHORT).succeeded) == 1


def test_in_a_group_its_own_ends_are_counted(store):
    with store.group():
        running(store, "a")
        store.record([an_outcome("a")])
        seen = store.activity(**SHORT)
    assert seen.succeeded == store.activity(**SHORT).succeeded == (0, 0, 0, 0, 1)


@pytest.mark.parametrize(("within_s", "steps"), [(0.0, 5), (-1.0, 5), (float("inf"), 5), (float("nan"), 5), (1.0, 0)])
def test_no_time_and_no_steps_are_refused(store, within_s, steps):
    with pytest.raises(StoreError, match="no time to look at"):
        store.activity(within_s=within_s, steps=steps)


def test_the_latest_of_many_are_told_and_the_latest_first(store, backend):
    for number in range(9):
        running(store, f"job-{number}")
        backend.advance(float(number))
        store.record([an_outcome(f"job-{number}")])
    told = store.activity(within_s=100.0, steps=4).run_times_s
    assert told == pytest.approx([float(number) for number in range(8, 8 - len(told), -1)])
    assert told


def test_what_is_told_of_one_way_to_end_is_as_late_as_what_is_told_of_the_others(store, backend):
    for number in range(12):
        running(store, f"job-{number}")
        backend.advance(5.0 if number < 4 else 1.0)
        store.record([(a_failure if number < 4 else an_outcome)(f"job-{number}")])
    told = store.activity(within_s=100.0, steps=4).run_times_s
    assert told == pytest.approx(([1.0] * 8 + [5.0] * 4)[: len(told)])
    assert told


def test_it_counts_what_came_by_message_alone(store):
    store.claim([a_claim("by-message", request=Request("GET", "/"))])
    store.record([an_outcome("by-message")])
    store.add([a_job("other")])
    assert sum(store.activity(**SHORT).succeeded) == 1
