"""Jobs whose results are in PostgreSQL, while its server comes and goes."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from postgres_server import PostgresServer, programs, running_server
from process_parts import children_of
from project import Project, wait_for

from pubsubctl import Client, JobState
from pubsubctl.store.opening import open_store

pytestmark = pytest.mark.xdist_group("postgresql-server")


@pytest.fixture
def server(postgresql_server):
    postgresql_server.ensure()
    return postgresql_server


@pytest.fixture
def on_postgresql(tmp_path, server):
    store = server.url(schema=f"s{abs(hash(tmp_path))}")
    open_store(store).close()
    project = Project(tmp_path, store=store, lease_s=60)  # a server that recovers slowly takes no job from anybody
    project.setup()
    yield project
    project.close()


def submitted(project: Project, number: int) -> list[str]:
    with project.client() as client:
        return [job.id for job in client.submit_many({"path": f"/noop?n={n}"} for n in range(number))]


def results(client: Client, ids: list[str], timeout_s: float = 100.0) -> Counter[JobState]:
    """How all of them end, waited for by one client that outlives whatever happens to the server."""
    jobs = [job.refresh() for job in client.wait([client.job(job_id) for job_id in ids], timeout_s)]
    assert {(job.crashes, job.failures) for job in jobs} == {(0, 0)}, "an attempt was lost"
    return Counter(job.state for job in jobs)


def is_past(project: Project, number: int) -> None:
    wait_for(lambda: len(project.runs) >= number, what=f"{number} jobs have run; {project.log()[-2000:]}", timeout_s=60)


def test_two_thousand_jobs_have_one_result_each_though_the_server_crashes_and_restarts_in_the_middle(
    on_postgresql, server
):
    project, jobs = on_postgresql, 2000
    ids = submitted(project, jobs)
    workers = [project.worker("-p", "1") for _ in range(2)]
    with project.client() as client, ThreadPoolExecutor(1) as waiter:
        found = waiter.submit(results, client, ids)
        for part, how in enumerate((signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT), start=1):
            is_past(project, jobs * part // 5)
            server.stop(how)
            time.sleep(0.5 * part)  # away for as long as that
            server.start()
        assert found.result() == Counter({JobState.SUCCEEDED: jobs})
    assert len(project.runs) == jobs, "a job ran twice"
    assert [worker.poll() for worker in workers] == [None, None]
    for number in range(len(workers)):
        wait_for(lambda number=number: "the store is back" in project.log(number), what="the worker tells")


def test_another_server_takes_over_in_the_middle_of_jobs(tmp_path, lack):
    if programs() is None:
        lack("postgresql", "the programs of a PostgreSQL server are not installed")
    jobs = 500
    with running_server() as first:
        second = first.standby(first.folder / "second")
        second.start()
        try:
            psql(first, "ALTER SYSTEM SET synchronous_standby_names TO '*'", "SELECT pg_reload_conf()")
            wait_for(lambda: "sync" in psql(first, "SELECT sync_state FROM pg_stat_replication"), what="it follows")
            hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
            store = f"postgresql://owner@{hosts}/postgres?target_session_attrs=read-write"
            open_store(store).close()
            project = Project(tmp_path, store=store, lease_s=60)
            project.setup()
            try:
                ids = submitted(project, jobs)
                project.worker("-p", "1")
                is_past(project, jobs // 4)
                first.stop(signal.SIGQUIT)
                psql(second, "ALTER SYSTEM SET synchronous_standby_names TO ''", "SELECT pg_promote()")
                with project.client() as client:
                    assert results(client, ids) == Counter({JobState.SUCCEEDED: jobs})
                assert len(project.runs) == jobs
            finally:
                project.close()
        finally:
            second.stop()


def test_a_frozen_server_is_waited_for_and_nothing_is_lost(on_postgresql, server):
    project = on_postgresql
    ids = submitted(project, 200)
    project.worker("-p", "1")
    is_past(project, 50)
    for pid in processes_of(server):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2)
    for pid in processes_of(server):
        os.kill(pid, signal.SIGCONT)
    with project.client() as client:
        assert results(client, ids) == Counter({JobState.SUCCEEDED: 200})
    assert len(project.runs) == 200


def psql(server: PostgresServer, *statements: str) -> str:
    return server.run("psql", "-At", server.url(), *(part for each in statements for part in ("-c", each)))


def processes_of(server: PostgresServer) -> list[int]:
    return [server.pid, *children_of(server.pid)]
