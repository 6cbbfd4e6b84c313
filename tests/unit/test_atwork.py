"""Which jobs workers run, as far as the store tells."""

from pubsubctl.atwork import AtWork
from pubsubctl.job import Job, JobState
from pubsubctl.store.claims import WorkerInfo


def a_job(number: int, worker: str) -> Job:
    return Job(f"job-{number}", JobState.RUNNING, "GET", "/", 0.0, worker=worker, started_at=float(number))


def a_worker(worker_id: str, *, busy: int = 0, slots: int = 2) -> WorkerInfo:
    return WorkerInfo(worker_id, "host", 1, "app:app", "subscription", slots=slots, busy=busy)


def test_each_worker_has_its_own_and_no_more_than_it_has_slots():
    at_work = AtWork([a_job(3, "a"), a_job(1, "a"), a_job(2, "b"), a_job(4, "a")], all_known=True)
    busy, running = at_work.of(a_worker("a"), alive=True)
    assert (busy, [job.id for job in running]) == (2, ["job-1", "job-3"])
    assert at_work.of(a_worker("b", busy=2), alive=True) == (1, [a_job(2, "b")]), (
        "it has ended the other one since it told of it"
    )
    assert at_work.of(a_worker("c", busy=2), alive=True) == (0, [])


def test_where_not_all_are_known_what_a_worker_tells_counts_too():
    at_work = AtWork([a_job(1, "a")], all_known=False)
    assert at_work.of(a_worker("a", busy=2), alive=True) == (2, [a_job(1, "a")])
    assert at_work.of(a_worker("b", busy=9), alive=True) == (2, [])


def test_what_a_lost_worker_told_last_is_not_so_any_more():
    at_work = AtWork([a_job(1, "a")], all_known=False)
    assert at_work.of(a_worker("a", busy=2), alive=False) == (1, [a_job(1, "a")])


def test_what_lost_workers_had_waits_for_no_slot():
    at_work = AtWork([a_job(number, "a") for number in range(5)] + [a_job(9, "lost")], all_known=True)
    assert at_work.begun_by_none([a_worker("a", slots=2)], 6) == 3
    assert at_work.begun_by_none([], 6) == 0


def test_where_not_all_jobs_are_known_those_that_run_beyond_all_slots_wait():
    at_work = AtWork([a_job(1, "a")], all_known=False)
    assert at_work.begun_by_none([a_worker("a", slots=2), a_worker("b", slots=3)], 300) == 295
    assert at_work.begun_by_none([a_worker("a", slots=400)], 300) == 0
    assert at_work.begun_by_none([], 300) == 0
