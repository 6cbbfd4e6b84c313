"""What a job costs, as the package says it does: whoever changes that changes the table."""

import re
import threading

import pytest
from backends import FirestoreBackend
from given import REQUEST, RESPONSE, TOPIC, a_claim, a_failure, a_job, a_retry, an_outcome

import pubsubctl.store.firestore
from pubsubctl.exchange import Response
from pubsubctl.job import JobState
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claimed, Lease, WorkerInfo
from pubsubctl.store.firestore import overview
from pubsubctl.store.firestore.store import FirestoreStore
from pubsubctl.store.messages import Published

_LINE = re.compile(r"^(?P<step>[a-z].*?)  +(?P<reads>\d+) +(?P<writes>\d+) +(?P<calls>\d+) *$", re.MULTILINE)
STATED = {
    each["step"]: (int(each["reads"]), int(each["writes"]), int(each["calls"]))
    for each in _LINE.finditer(pubsubctl.store.firestore.__doc__ or "")
}


@pytest.fixture
def backend(tmp_path):
    made = FirestoreBackend(tmp_path)
    yield made
    made.close()


class Meter:
    """What a store has cost since it was last asked, for each of ``jobs`` but for the calls, which are for all."""

    def __init__(self, store: Store, jobs: int) -> None:
        assert isinstance(store, FirestoreStore)
        self.counted, self.jobs = store.counted, jobs
        self.told = self._now()

    def _now(self) -> tuple[int, int, int]:
        return self.counted.reads, self.counted.writes + self.counted.deletes, self.counted.calls

    def cost(self) -> tuple[float, float, int]:
        before, self.told = self.told, self._now()
        reads, writes, calls = (now - then for now, then in zip(self.told, before, strict=True))
        return reads / self.jobs, writes / self.jobs, calls


@pytest.mark.parametrize("jobs", [1, 100])
def test_a_plain_job_costs_what_is_stated(backend, jobs):
    client, worker = backend.open(), backend.open()
    ids = [f"job-{number}" for number in range(jobs)]
    asked, ran = Meter(client, jobs), Meter(worker, jobs)
    client.add([a_job(job_id) for job_id in ids])
    with client.group():
        client.published([Published(job_id, "message-1") for job_id in ids])
    assert asked.cost() == STATED["submit"]
    with worker.group(again=True):
        assert all(isinstance(each, Claimed) for each in worker.claim([a_claim(job_id) for job_id in ids]))
    assert ran.cost() == STATED["claim"]
    with worker.group(again=True):
        assert all(worker.record([an_outcome(job_id) for job_id in ids]))
    assert ran.cost() == STATED["record"]
    assert len(client.ended(ids)) == jobs
    assert len(client.responses(ids)) == jobs
    assert asked.cost() == STATED["see that it has ended, and its result"]
    backend.advance(10.0)
    assert worker.purge(older_than_s=1.0).count == jobs
    assert ran.cost() == STATED["purge"]


def test_a_waiter_costs_what_is_stated_and_looks_for_nothing_in_vain(backend):
    client, worker = backend.open(), backend.open()
    client.add([a_job("mine"), a_job("other")])
    meter = Meter(client, 1)
    with client.watch(["mine"]) as watch:
        assert list(watch.narrowed(["mine", "unknown"])) == ["unknown"]
        for step in (
            lambda: client.published([Published("mine", "message-1")]),
            lambda: worker.claim([a_claim("mine")]),
            lambda: worker.record([an_outcome("mine")]),
        ):
            step()
            assert watch.wait(20.0)
        assert list(watch.narrowed(["mine"])) == ["mine"]
        reads = meter.cost()[0]
        worker.claim([a_claim("other")])
        assert not watch.wait(0.3), "it is not told of others"
    assert reads == STATED["wait for it"][0]


def test_a_worker_that_does_nothing_costs_what_is_stated(backend):
    store = backend.open()
    meter, info = Meter(store, 1), WorkerInfo("w", "h", 1, "a", "s", 1)
    store.heartbeat(info, [], lease_s=30.0)
    meter.cost()
    store.heartbeat(info, [], lease_s=30.0)
    assert meter.cost() == STATED["heartbeat of a worker"]
    assert store.sweep(TOPIC, limit=10, max_crashes=3) == []
    assert meter.cost() == STATED["sweep that finds nothing"]
    store.add([a_job()])
    store.claim([a_claim()])
    meter.cost()
    store.heartbeat(info, [Lease("job-1", 1)], lease_s=30.0)
    reads, writes, calls = meter.cost()
    base = STATED["heartbeat of a worker"]
    assert (reads - base[0], writes - base[1]) == STATED["heartbeat of each job that runs"][:2]
    assert calls == 1


def test_figures_cost_little_where_little_has_happened(backend):
    store = backend.open()
    meter = Meter(store, 1)
    store.activity()
    assert meter.cost()[0] == len(overview.LATEST)
    store.batches()
    assert meter.cost()[0] == 2
    store.add([a_job()])
    store.claim([a_claim()])
    store.record([an_outcome()])
    meter.cost()
    assert sum(store.activity().succeeded) == 1
    assert meter.cost()[0] == len(overview.LATEST)


def test_figures_cost_some_forty_reads_whatever_has_happened(backend):
    store = backend.open()
    for number in range(20):
        ids = [f"{kind}-{number}" for kind in ("succeeds", "fails", "is-cancelled")]
        store.add([a_job(job_id, batch_id=f"batch-{number:02}") for job_id in ids])
        store.claim([a_claim(job_id) for job_id in ids])
        store.record([an_outcome(ids[0]), a_failure(ids[1])])
        store.cancel([ids[2]])
        backend.advance(10.0)
    meter = Meter(store, 1)
    seen = store.activity(within_s=190.0)
    assert [sum(each) for each in (seen.succeeded, seen.failed, seen.cancelled)] == [18, 18, 18]
    assert meter.cost()[0] <= overview.STEPS * 3 + sum(overview.LATEST.values()) == 41
    assert len(store.batches()) == overview.BATCHES
    assert meter.cost()[0] == overview.NEWEST_JOBS + 5 * overview.BATCHES == 46
    assert len(store.find(worker="worker-1", batch_id="batch-03").jobs) == 3


def test_batches_that_have_ended_well_cost_three_reads_each(backend):
    store = backend.open()
    ids = [f"job-{number}" for number in range(20)]
    store.add([a_job(job_id, batch_id=f"batch-{job_id}") for job_id in ids])
    store.claim([a_claim(job_id) for job_id in ids])
    store.record([an_outcome(job_id) for job_id in ids])
    meter = Meter(store, 1)
    assert len(store.batches()) == overview.BATCHES
    assert meter.cost()[0] == overview.NEWEST_JOBS + 3 * overview.BATCHES


def test_a_log_and_a_retry_cost_nothing_of_their_own(backend):
    store = backend.open()
    store.add([a_job()])
    store.claim([a_claim()])
    meter = Meter(store, 1)
    store.record([a_retry(log="a line\n" * 100, retry_in_s=0.0)])
    assert meter.cost() == STATED["record"]
    store.claim([a_claim()])
    assert meter.cost() == STATED["claim"]


def test_a_large_body_costs_a_document_for_each_million_bytes(backend):
    store = backend.open()
    body = bytes(2_500_000)
    store.add([a_job(request=REQUEST)])
    store.claim([a_claim()])
    meter = Meter(store, 1)
    store.record([an_outcome(response=Response(200, (), body))])
    assert meter.cost()[1] == STATED["record"][1] + 3
    assert store.response("job-1") == Response(200, (), body)
    assert meter.cost()[0] == 1 + 3
    backend.advance(10.0)
    store.purge(older_than_s=1.0)
    assert meter.cost()[1] == STATED["purge"][1] + 3
    store.add([a_job(request=REQUEST)])
    assert store.response("job-1") is None


def test_of_many_large_bodies_in_a_group_all_are_kept(backend):
    """Each would fit into its job's document, and all of them together into no commit."""
    store, body = backend.open(), bytes(30_000)
    ids = [f"job-{number}" for number in range(150)]
    store.add([a_job(job_id) for job_id in ids])
    store.claim([a_claim(job_id) for job_id in ids])
    with store.group():
        assert all(store.record([an_outcome(job_id, response=Response(200, (), body)) for job_id in ids]))
    assert set(store.responses(ids).values()) == {Response(200, (), body)}
    assert store.counts()[JobState.SUCCEEDED] == len(ids)


def test_a_group_that_loses_a_race_with_the_same_answers_is_committed_and_else_says_so(backend):
    worker, other = backend.open(), backend.open()
    worker.add([a_job("noted"), a_job("taken")])
    with worker.group(again=True):
        assert [each.attempt for each in worker.claim([a_claim("noted")])] == [1]
        other.published([Published("noted", "message-1")])
    assert other.get(["noted"])[0].attempt == 1

    def loses() -> None:
        with worker.group(again=True):
            assert isinstance(worker.claim([a_claim("taken")])[0], Claimed)
            other.claim([a_claim("taken", worker_id="other", message_id="another")])

    with pytest.raises(Exception, match="changed by another meanwhile"):
        loses()
    assert other.get(["taken"])[0].worker == "other"


def test_a_group_holds_what_it_has_answered_and_others_wait_for_it(backend):
    worker, other = backend.open(), backend.open()
    worker.add([a_job()])
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.extend(other.claim([a_claim(message_id="another")])))
    with worker.group():
        worker.claim([a_claim()])
        thread.start()
        thread.join(0.5)
        assert answers == []
    thread.join(20)
    assert [getattr(each, "refusal", None) for each in answers] == ["busy"]
    assert worker.get(["job-1"])[0].worker == "worker-1"
    assert worker.response("job-1") != RESPONSE
