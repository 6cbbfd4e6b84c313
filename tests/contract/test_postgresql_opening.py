"""Which database a URL means, what is made in it, and who may do so."""

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from given import a_claim, a_job, a_retry, added, an_outcome, due, running, the_job
from postgres_server import programs
from postgres_session import postgres_server

from pubsubctl.errors import InvalidSetting, StoreError, StoreUnreachable
from pubsubctl.job import JobState
from pubsubctl.store.claims import Claimed, Lease, WorkerInfo
from pubsubctl.store.opening import open_store
from pubsubctl.store.postgresql import making
from pubsubctl.store.postgresql.address import Address
from pubsubctl.store.schema import SCHEMA_VERSION

README = (Path(__file__).parents[2] / "README.md").read_text()
WORKERS_GRANTS = README.partition("```sql\n")[2].partition("```")[0].strip().split("\n")


@pytest.fixture
def server(lack):
    if programs() is None:
        lack("postgresql", "the programs of a PostgreSQL server are not installed")
    return postgres_server()


@pytest.fixture
def sql(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection.execute


@pytest.fixture
def schema(sql):
    yield "opening"
    sql("DROP SCHEMA IF EXISTS opening CASCADE")


@pytest.fixture
def role(sql, schema):
    sql("CREATE ROLE plain LOGIN")
    yield "plain"
    sql("DROP OWNED BY plain")
    sql("DROP ROLE plain")


def test_the_tables_are_in_a_schema_of_their_own_beside_whatever_else_is_there(server, sql, schema):
    sql("CREATE TABLE IF NOT EXISTS public.jobs (mine integer)")
    try:
        with open_store(server.url(schema=schema)) as store:
            added(store)
        tables = {row[0] for row in sql("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])}
        assert {"jobs", "requests", "responses", "events", "workers", "meta"} <= tables
        assert sql("SELECT count(*) FROM public.jobs").fetchone() == (0,)
    finally:
        sql("DROP TABLE public.jobs")


def test_the_schema_is_pubsubctl_unless_the_url_names_one():
    assert Address.of("postgresql://h/d").schema == "pubsubctl"
    assert Address.of("postgresql://h/d?schema=other&sslmode=require").schema == "other"
    assert Address.of("postgresql://h/d?sslmode=require&schema=other").parameters["sslmode"] == "require"
    assert Address.of("postgresql://u:p@h1:1,h2:2/d?target_session_attrs=read-write").parameters["host"] == "h1,h2"


@pytest.mark.parametrize("url", ["postgresql://h/d?schema=A-B", "postgresql://h/d?schema=", "postgresql://h/d?no=1"])
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(InvalidSetting):
        open_store(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@h/d", "postgresql://me@h/d"),
        ("postgresql://h/d?user=me&password=secret&sslmode=require", "postgresql://h/d?user=me&password=***&sslmode"),
        ("postgresql://me@h/d", "postgresql://me@h/d"),
        ("postgresql://me:se#cret@h/d", "postgresql://me@h/d"),
        ("postgresql://me:secret?x@h/d", "postgresql://me@h/d"),
        ("postgresql://me:secret/1@h/d", "postgresql://me@h/d"),
        ("postgresql://me:se@secret@h/d", "postgresql://me@h/d"),
        ("POSTGRESQL://me:secret@h/d", "postgresql://me@h/d"),
        ("postgresql://h/d?sslpassword=secret&sslmode=require", "postgresql://h/d?sslpassword=***&sslmode"),
    ],
)
def test_a_password_is_never_shown(url, shown):
    with contextlib.suppress(InvalidSetting):
        address = Address.of(url)
        assert address.name.startswith(shown)
        assert "cret" not in repr(address)
    with pytest.raises((InvalidSetting, StoreUnreachable)) as refused:
        open_store(f"{url}{'&' if '?' in url else '?'}nonsense=1")
    assert "cret" not in str(refused.value)


def test_what_a_password_must_not_hold_is_said_without_showing_it():
    with pytest.raises(InvalidSetting, match="percent-encode") as refused:
        Address.of("postgresql://me:SEC%RET@h/d")
    assert "RET" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_whoever_only_asks_makes_nothing(server, sql, schema):
    with pytest.raises(StoreUnreachable, match="pubsubctl setup"):
        open_store(server.url(schema=schema), create=False)
    assert sql("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [schema]).fetchone() == (0,)


def test_another_programs_tables_are_left_alone(server, sql, schema):
    sql(f"CREATE SCHEMA {schema}")
    sql(f"CREATE TABLE {schema}.meta (key text, value text)")
    with pytest.raises(StoreError, match=r"another program's tables.*\?schema=NAME"):
        open_store(server.url(schema=schema))


def test_a_newer_store_is_refused(server, sql, schema):
    open_store(server.url(schema=schema)).close()
    sql(f"UPDATE {schema}.meta SET value = '999' WHERE key = 'schema'")
    with pytest.raises(StoreError, match=r"version 999.*upgrade"):
        open_store(server.url(schema=schema))


def test_an_older_store_is_migrated_once_by_whoever_comes_first(server, sql, schema, monkeypatch):
    url = server.url(schema=schema)
    open_store(url).close()
    sql(f"UPDATE {schema}.meta SET value = '{SCHEMA_VERSION - 1}' WHERE key = 'schema'")
    monkeypatch.setitem(making.STEPS, SCHEMA_VERSION - 1, ("CREATE TABLE added (a integer)", "SELECT pg_sleep(0.2)"))
    stores = []
    threads = [threading.Thread(target=lambda: stores.append(open_store(url))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({store.store_id for store in stores}) == 1
    assert len(stores) == 5
    for store in stores:
        store.close()
    assert sql(f"SELECT value FROM {schema}.meta WHERE key = 'schema'").fetchone() == (str(SCHEMA_VERSION),)


def test_a_migration_that_fails_leaves_the_store_as_it_was(server, sql, schema, monkeypatch):
    url = server.url(schema=schema)
    open_store(url).close()
    sql(f"UPDATE {schema}.meta SET value = '{SCHEMA_VERSION - 1}' WHERE key = 'schema'")
    monkeypatch.setitem(making.STEPS, SCHEMA_VERSION - 1, ("CREATE TABLE half (a integer)", "SELECT nonsense"))
    with pytest.raises(StoreError, match="nonsense"):
        open_store(url)
    assert sql(f"SELECT to_regclass('{schema}.half')").fetchone() == (None,)
    assert sql(f"SELECT value FROM {schema}.meta WHERE key = 'schema'").fetchone() == (str(SCHEMA_VERSION - 1),)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"user": "nobody-at-all"}, StoreError, "create the role"),
        ({"database": "nowhere"}, StoreError, "create the role or the database"),
    ],
)
def test_what_does_not_let_us_in_says_what_to_do(server, changes, kind, words):
    with pytest.raises(kind, match=words):
        open_store(server.url(**changes))


def test_a_server_that_is_not_there_is_unreachable(server):
    with pytest.raises(StoreUnreachable, match="cannot be reached"):
        open_store("postgresql://owner@127.0.0.1:1/postgres")


def test_a_worker_needs_no_more_than_the_documented_privileges(server, sql, schema, role):
    open_store(server.url(schema=schema)).close()
    assert len(WORKERS_GRANTS) == 2
    for grant in WORKERS_GRANTS:
        sql(grant.replace("SCHEMA pubsubctl", f"SCHEMA {schema}").replace("TO worker", f"TO {role}"))
    with open_store(server.url(schema=schema, user=role)) as store, store.watch() as watch:
        running(store, "one", "two")
        assert store.record([an_outcome("one", log="printed"), a_retry("two", retry_in_s=0.0)]) == [True, True]
        assert due(store) == ["two"]
        assert isinstance(store.claim([a_claim("two", message_id="m"), a_claim("unknown")])[1], Claimed)
        assert store.heartbeat(WorkerInfo("w", "h", 1, "a", "s", 1), [Lease("unknown", 1)], lease_s=9.0) == []
        store.release([Lease("unknown", 1)])
        store.cancel(["two"])
        store.retry(["two"])
        store.add([a_job("three", idempotency_key="k")])
        store.retire("w")
        assert store.counts()[JobState.SUCCEEDED] == 1
        assert store.history("one")[-1].log == "printed"
        assert store.purge(older_than_s=-1.0).count == 1
        assert watch.wait(10.0) is True


def test_a_role_that_was_granted_nothing_is_told_what_is_missing(server, schema, role):
    open_store(server.url(schema=schema)).close()
    with pytest.raises(StoreUnreachable, match="GRANT"):
        open_store(server.url(schema=schema, user=role))


def test_without_the_driver_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pubsubctl.store.opening import open_store\n"
        "try:\n    open_store('postgresql://h/d')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("InvalidSetting")
    assert "pip install 'pubsubctl[postgres]'" in said


def test_a_job_written_by_one_handle_is_read_by_another(server, schema):
    url = server.url(schema=schema)
    with open_store(url) as first, open_store(url) as second:
        assert first.store_id == second.store_id
        added(first)
        assert the_job(second).state is JobState.QUEUED


def test_the_server_too_notices_that_a_host_is_gone_and_with_it_the_locks_of_a_half_told_statement(server):
    """By itself it would ask after two hours whether whoever tells it something is still there."""
    with Address.of(server.url()).connect() as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in NOTICING}
    assert shown == NOTICING


NOTICING = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
