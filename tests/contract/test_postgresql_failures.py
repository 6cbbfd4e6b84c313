"""What goes wrong with a PostgreSQL server, and what is told of it."""

import signal
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from calls import CALLS, raised
from cutting import CuttingProxy
from given import a_claim, a_job, added, an_outcome, running, the_job
from postgres_server import programs, running_server
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pubsubctl.errors import PubsubctlError, StoreBusy, StoreError, StoreUnreachable
from pubsubctl.job import JobState
from pubsubctl.store.claims import Claimed, Refusal
from pubsubctl.store.opening import open_store
from pubsubctl.store.postgresql.failures import failure, translated

pytestmark = pytest.mark.xdist_group("postgresql-server")
PLACE = "postgresql://host/database"


@pytest.fixture(scope="module")
def server(tmp_path_factory, lack):
    if programs() is None:
        lack("postgresql", "the programs of a PostgreSQL server are not installed")
    with running_server() as server:
        yield server


@pytest.fixture
def url(server, request):
    server.ensure()
    return server.url(schema=f"s{abs(hash(request.node.name))}")


@contextmanager
def raw(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("call", CALLS)
def test_no_error_of_the_database_escapes_from_any_call(server, url, call):
    with open_store(url) as store:
        running(store)
        with raw(server) as other:
            schema = url.rpartition("=")[2]
            for table in ("jobs", "requests", "responses", "workers", "tallies"):
                other.execute(f"DROP TABLE {schema}.{table}")
        error = raised(CALLS[call], store)
    assert isinstance(error, StoreError)
    assert server.url() in str(error)
    assert "\n" not in str(error)


def test_while_the_server_is_away_every_call_says_so_and_afterwards_works(server, url):
    with open_store(url) as store, store.watch() as watch:
        running(store)
        server.stop(signal.SIGQUIT)
        errors = {name: raised(call, store) for name, call in CALLS.items()}
        errors["now"] = raised(lambda store: store.now(), store)
        assert {type(error) for error in errors.values()} == {StoreUnreachable}
        assert watch.wait(0.1) is True  # whoever looks now learns it
        server.start()
        assert the_job(store).state is JobState.RUNNING
        assert store.record([an_outcome()]) == [True]
        assert watch.wait(10.0) is True


def test_a_connection_that_the_server_ends_between_two_calls_is_not_noticed(server, url):
    with open_store(url) as store:
        added(store)
        with raw(server) as other:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pubsubctl'"
            assert other.execute(ended).rowcount > 0
        assert isinstance(store.claim([a_claim()])[0], Claimed)


def test_a_group_whose_connection_breaks_has_done_nothing(server, url):
    with open_store(url) as store:
        running(store, "job-1", "job-2")

        def interrupted() -> None:
            with store.group():
                store.record([an_outcome("job-1")])
                with raw(server) as other:
                    other.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name = 'pubsubctl' AND state LIKE 'idle in%'"
                    )
                store.record([an_outcome("job-2")])

        with pytest.raises(StoreUnreachable):
            interrupted()
        assert the_job(store, "job-1").state is JobState.RUNNING
        assert store.record([an_outcome("job-1"), an_outcome("job-2")]) == [True, True]


def test_a_waiter_outlives_the_connection_that_it_listens_on(server, url):
    with open_store(url) as store, store.watch() as watch:
        with raw(server) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        assert watch.wait(10.0) is True  # it may have missed something
        assert watch.wait(0.1) is False
        added(store)
        assert watch.wait(10.0) is True


def test_what_a_group_may_not_have_is_refused_for_a_moment_and_nobody_waits_in_a_circle(url):
    with open_store(url) as store:
        running(store, "a", "b")
        added(store, "wanted")
        told: dict[str, object] = {}
        first_has, second_has = threading.Event(), threading.Event()

        def first() -> None:
            with store.group():
                store.record([an_outcome("a")])
                first_has.set()
                assert second_has.wait(10)
                told["first"] = store.claim([a_claim("b", message_id="m")])[0]

        def second() -> None:
            assert first_has.wait(10)
            with store.group():
                store.record([an_outcome("b")])
                second_has.set()
                told["second"] = store.claim([a_claim("a", message_id="m"), a_claim("wanted")])

        threads = [threading.Thread(target=each) for each in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        answers = [told["first"], told["second"][0]]
        assert {answer.refusal for answer in answers} <= {Refusal.HELD, Refusal.DONE}
        assert Refusal.HELD in {answer.refusal for answer in answers}
        assert isinstance(told["second"][1], Claimed)
        assert {the_job(store, job_id).state for job_id in "ab"} == {JobState.SUCCEEDED}


def test_of_two_groups_that_add_one_idempotency_key_the_second_finds_the_first(url):
    with open_store(url) as store:
        inside, told = threading.Event(), {}

        def later() -> None:
            assert inside.wait(10)
            told["later"] = store.add([a_job("job-2", idempotency_key="k")])[0]

        thread = threading.Thread(target=later)
        thread.start()
        with store.group():
            told["first"] = store.add([a_job("job-1", idempotency_key="k")])[0]
            inside.set()
            time.sleep(0.2)  # what is wrong would be done by then
        thread.join(10)
        assert not told["first"].existed
        assert (told["later"].job_id, told["later"].existed) == ("job-1", True)


def test_a_note_does_not_wait_for_whoever_writes_its_job(url):
    from pubsubctl.store.messages import Published

    with open_store(url) as store:
        added(store, "free", "claimed")
        inside, noted = threading.Event(), threading.Event()

        def note() -> None:
            assert inside.wait(10)
            store.published([Published("claimed", "m-1"), Published("free", "m-2")])
            noted.set()

        thread = threading.Thread(target=note)
        thread.start()
        with store.group():
            store.claim([a_claim("claimed")])
            inside.set()
            assert noted.wait(10)
        thread.join(10)
        assert [the_job(store, each).message_id for each in ("free", "claimed")] == ["m-2", "message-1"]


def classes(root: type[BaseException]) -> set[type[BaseException]]:
    return {root}.union(*(classes(each) for each in root.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(classes(psycopg.Error), key=str))
def test_every_error_of_the_driver_becomes_ours(kind):
    with pytest.raises(PubsubctlError, match="postgresql://host/database"), translated(PLACE):
        raise kind("boom")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PoolTimeout("boom"), StoreUnreachable),
        (OperationalError("statement", (), psycopg.OperationalError("boom")), StoreUnreachable),
    ],
)
def test_every_error_of_sqlalchemy_becomes_ours(error, kind):
    with pytest.raises(kind), translated(PLACE):
        raise error


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("AdminShutdown", StoreUnreachable, "what it said"),
        ("CannotConnectNow", StoreUnreachable, "may come back"),
        ("ConnectionFailure", StoreUnreachable, "may come back"),
        ("DeadlockDetected", StoreBusy, "try again"),
        ("LockNotAvailable", StoreBusy, "try again"),
        ("UniqueViolation", StoreBusy, "try again"),
        ("DiskFull", StoreUnreachable, "the disk is full"),
        ("TooManyConnections", StoreUnreachable, "max_connections"),
        ("ReadOnlySqlTransaction", StoreUnreachable, "target_session_attrs=read-write"),
        ("InsufficientPrivilege", StoreUnreachable, "GRANT"),
        ("UndefinedTable", StoreError, "refused: what it said"),
        ("UntranslatableCharacter", StoreError, "cannot hold a value"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_do(name, kind, words):
    ours = failure(PLACE, getattr(psycopg.errors, name)("what it\nsaid"))
    assert type(ours) is kind
    assert words in str(ours)
    assert PLACE in str(ours)


def test_a_value_that_no_text_can_hold_is_refused_and_takes_nothing_with_it(url):
    with open_store(url) as store:
        added(store)
        with pytest.raises(StoreError, match="cannot hold a value"):
            store.add([a_job("job-2", batch_id="a\0b")])
        with pytest.raises(StoreError, match="cannot hold a value"):
            store.add([a_job("job-3", batch_id="\ud800")])
        assert [job.id for job in store.find().jobs] == ["job-1"]


def test_a_commit_whose_answer_is_lost_is_found_done_when_it_is_asked_for_again(server, url):
    with CuttingProxy(server.port) as proxy, open_store(url.replace(f":{server.port}/", f":{proxy.port}/")) as store:
        added(store)
        for ask, again, want in (
            (
                lambda: store.claim([a_claim(token="7")]),
                lambda: store.claim([a_claim(token="7")]),
                [Claimed("job-1", 1, 0, 5)],
            ),
            (
                lambda: store.record([an_outcome(log="once")]),
                lambda: store.record([an_outcome(log="once", again=True)]),
                [True],
            ),
        ):
            proxy.armed.set()
            with pytest.raises(StoreUnreachable):
                ask()
            wait_until_committed(server)
            assert again() == want
        assert proxy.cuts == 2
        assert (the_job(store).attempt, the_job(store).state) == (1, JobState.SUCCEEDED)
        assert [event.log for event in store.history("job-1") if event.log] == ["once"]


def wait_until_committed(server) -> None:
    """The server may be at it still."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pubsubctl' AND xact_start IS NOT NULL"
    deadline = time.monotonic() + 10
    with raw(server) as other:
        while other.execute(busy).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.01)
