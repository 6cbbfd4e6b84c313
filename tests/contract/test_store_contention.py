from collections import Counter

import pytest
from contest import contend
from given import TOPIC, a_job

from pubsubctl.job import JobState


@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", [0.2, pytest.param(1.0, marks=pytest.mark.long)])
def test_processes_and_threads_that_fight_for_the_same_jobs_get_one_result_each(backend, share):
    store = backend.open()
    ids = [f"job-{number}" for number in range(int(share * backend.contended))]
    for start in range(0, len(ids), 500):
        store.add([a_job(job_id) for job_id in ids[start : start + 500]])
    told = contend(backend.url, processes=8, threads=1, jobs=len(ids))

    granted = Counter((job_id, attempt) for each in told for job_id, attempt, _ in each["granted"])
    assert max(granted.values()) == 1, "an attempt was granted twice"
    recorded = {job_id: (attempt, who) for each in told for job_id, attempt, who in each["recorded"]}
    assert sum(len(each["recorded"]) for each in told) == len(recorded), "a job has two results"
    assert recorded.keys() == set(ids)
    assert sum(granted.values()) > len(ids), "nobody was overtaken: the test shows nothing"

    assert store.counts()[JobState.SUCCEEDED] == len(ids)
    for job_id, (attempt, who) in recorded.items():
        response = store.response(job_id)
        assert response is not None
        assert response.body == f"{who} {attempt}".encode()


def test_processes_that_open_a_fresh_store_at_once_share_one_identity(backend):
    told = contend(backend.url, processes=10, threads=0, jobs=0)
    store = backend.open()
    assert {each["store_id"] for each in told} == {store.store_id}
    store.add([a_job(topic=TOPIC)])
