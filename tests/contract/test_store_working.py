from dataclasses import replace

from given import LEASE_S, a_claim, added, an_outcome, due, running, the_job

from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import FORGET_WORKER_S, Lease, Refusal, Refused, WorkerInfo

WORKER = WorkerInfo("worker-1", "host", 42, "app:app", "projects/p/subscriptions/s", 4, 1)


def test_a_worker_is_seen_from_its_first_heartbeat_until_it_retires(store, backend):
    assert store.workers() == []
    assert store.heartbeat(WORKER, [], lease_s=LEASE_S) == []
    began = store.now()
    backend.advance(5)
    store.heartbeat(replace(WORKER, busy=3), [], lease_s=LEASE_S)
    assert store.workers() == [replace(WORKER, busy=3, started_at=began, seen_at=began + 5)]
    store.retire("worker-1")
    store.retire("nobody")
    assert store.workers() == []


def test_a_worker_that_was_not_seen_for_long_is_forgotten_until_it_comes_back(store, backend):
    store.heartbeat(WORKER, [], lease_s=LEASE_S)
    backend.advance(FORGET_WORKER_S)
    assert [worker.id for worker in store.workers()] == ["worker-1"]
    backend.advance(1)
    assert store.workers() == []
    store.heartbeat(replace(WORKER, id="other"), [], lease_s=LEASE_S)
    store.heartbeat(WORKER, [], lease_s=LEASE_S)
    assert {worker.id: worker.started_at for worker in store.workers()} == dict.fromkeys(
        ["other", "worker-1"], store.now()
    )


def test_the_longest_running_worker_comes_first(store, backend):
    for worker_id in ("b", "c", "a"):
        store.heartbeat(replace(WORKER, id=worker_id), [], lease_s=LEASE_S)
        backend.advance(1)
    assert [worker.id for worker in store.workers()] == ["b", "c", "a"]


def test_a_heartbeat_renews_the_leases_that_it_names(store, backend):
    running(store, "renewed", "left")
    backend.advance(LEASE_S - 1)
    assert store.heartbeat(WORKER, [Lease("renewed", 1)], lease_s=LEASE_S) == []
    backend.advance(LEASE_S - 1)
    assert store.claim([a_claim("renewed", message_id="other")]) == [Refused("renewed", Refusal.BUSY)]
    assert the_job(store, "left").attempt == 1
    backend.advance(LEASE_GRACE_S - LEASE_S + 2)
    assert due(store) == ["left"]
    backend.advance(LEASE_S)
    assert due(store) == ["renewed"]


def test_a_lease_that_expired_but_that_nobody_took_is_renewed(store, backend):
    running(store)
    backend.advance(LEASE_S + 5)
    assert store.heartbeat(WORKER, [Lease("job-1", 1)], lease_s=LEASE_S) == []
    assert store.claim([a_claim()]) == [Refused("job-1", Refusal.HELD, LEASE_S)]


def test_leases_that_are_lost_are_named_and_left_alone(store, backend):
    added(store, "queued")
    running(store, "held", "cancelled", "overtaken", "done")
    store.cancel(["cancelled"])
    store.record([an_outcome("done")])
    backend.advance(LEASE_S)
    store.claim([a_claim("overtaken")])
    ids = ["unknown", "queued", "cancelled", "overtaken", "done", "held"]
    lost = store.heartbeat(WORKER, [Lease(job_id, 1, 0.5) for job_id in ids], lease_s=LEASE_S)
    assert lost == [Lease(job_id, 1, 0.5) for job_id in ids[:-1]]
    assert the_job(store, "overtaken").progress_fraction is None
    assert the_job(store, "held").progress_fraction == 0.5


def test_of_two_attempts_of_a_job_only_the_overtaken_one_is_lost(store, backend):
    running(store)
    backend.advance(LEASE_S)
    store.claim([a_claim()])
    leases = [Lease("job-1", 1), Lease("job-1", 2)]
    assert store.heartbeat(WORKER, leases, lease_s=LEASE_S) == leases[:1]


def test_progress_is_kept_until_it_is_reported_again_or_the_next_attempt_begins(store, backend):
    running(store)
    store.heartbeat(WORKER, [Lease("job-1", 1, 0.25, "epoch 1/4")], lease_s=LEASE_S)
    store.heartbeat(WORKER, [Lease("job-1", 1)], lease_s=LEASE_S)
    assert (the_job(store).progress_fraction, the_job(store).progress_note) == (0.25, "epoch 1/4")
    store.heartbeat(WORKER, [Lease("job-1", 1, 0.5, "epoch 2/4 \udcff")], lease_s=LEASE_S)
    assert the_job(store).progress_fraction == 0.5
    backend.advance(LEASE_S)
    store.claim([a_claim()])
    assert (the_job(store).progress_fraction, the_job(store).progress_note) == (None, None)
