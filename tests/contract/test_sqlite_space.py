"""What a SQLite file takes of the disk, and gives back."""

import sqlite3
from contextlib import closing

import pytest
from given import RESPONSE, a_claim, a_job, an_outcome

from pubsubctl.exchange import Response
from pubsubctl.job import JobState
from pubsubctl.store.opening import open_store

JOBS = 2000
BODY = Response(200, (), b"x" * 3000)
NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


def opened(path, ahead_s=0.0):
    return open_store(str(path), clock=lambda: NOW + ahead_s)


def filled(store, jobs=JOBS, response=BODY):
    ids = [f"job-{number:06}" for number in range(jobs)]
    store.add([a_job(job_id) for job_id in ids])
    store.claim([a_claim(job_id) for job_id in ids])
    store.record([an_outcome(job_id, response=response) for job_id in ids])


def give_back(store, keep=0.0):
    calls = 1
    while store.reclaim(keep=keep):
        calls += 1
        assert calls < 1000
    return calls


def test_a_purge_makes_the_file_smaller(path):
    with opened(path) as store:
        filled(store)
    size = path.stat().st_size
    assert size > JOBS * 3000
    with opened(path, 100.0) as store:
        assert store.purge(older_than_s=0.0, limit=JOBS).count == JOBS
        space = store.space()
        assert space.total >= size
        assert space.free > 0.8 * size
        assert space.by_pieces
        assert give_back(store) > 3, "no call does all of it"
        assert store.space().free == 0
        assert path.stat().st_size < size / 10
        assert path.with_name("jobs.db-wal").stat().st_size < 100_000


def test_a_share_may_stay_free_for_the_jobs_that_come(path):
    with opened(path) as store:
        filled(store)
    with opened(path, 100.0) as store:
        store.purge(older_than_s=0.0, limit=JOBS // 2)
        give_back(store, keep=0.25)
        space = store.space()
        assert 0.2 < space.free / space.total < 0.3
        assert store.reclaim(keep=0.9) is False
        assert store.space() == space


def test_what_reads_for_long_does_not_keep_others_from_writing(path):
    with opened(path) as store:
        filled(store)
    with opened(path, 100.0) as store, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchone()
        store.purge(older_than_s=0.0, limit=JOBS)
        give_back(store)
        store.add([a_job("new")])
        assert reader.execute("SELECT count(*) FROM jobs").fetchone() == (JOBS,)


def test_a_file_of_an_older_version_is_left_as_it_is_until_it_is_written_anew(path):
    with opened(path) as store:
        filled(store)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode=DELETE; PRAGMA auto_vacuum=NONE; VACUUM; PRAGMA journal_mode=WAL")
        # As a worker of that version leaves them that was still running when the file became one of this.
        connection.executescript("UPDATE tallies SET jobs = 7")
    size = path.stat().st_size
    with opened(path, 100.0) as store:
        store.purge(older_than_s=0.0, limit=JOBS - 1)
        assert store.reclaim() is False
        assert not store.space().by_pieces
        assert path.stat().st_size >= size
        store.rewrite()
        assert path.stat().st_size < size / 10
        assert store.space().by_pieces
        assert [job.id for job in store.find().jobs] == [f"job-{JOBS - 1:06}"]
        assert {state: count for state, count in store.counts().items() if count} == {JobState.SUCCEEDED: 1}
        filled(store, 100, RESPONSE)
