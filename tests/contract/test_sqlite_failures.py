import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from calls import CALLS, raised
from given import REQUEST, a_job, added, running
from process_parts import open_files
from sqlalchemy.exc import (
    IntegrityError,
    OperationalError,
    PendingRollbackError,
    ResourceClosedError,
    StatementError,
    TimeoutError,  # noqa: A004
)

from pubsubctl.errors import PubsubctlError, StoreError, StoreUnreachable
from pubsubctl.store.base import Store
from pubsubctl.store.failures import failure, translated
from pubsubctl.store.opening import open_store
from pubsubctl.store.sql import SqlStore
from pubsubctl.store.sqlite import SqliteDatabase

NO_QUERY = {"group", "close", "now", "watch", "store_id", "left_to_do"}
OF_A_FILE = {"space", "reclaim", "rewrite"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


def test_every_call_is_named_here():
    assert CALLS.keys() | NO_QUERY | OF_A_FILE == {name for name in dir(Store) if not name.startswith("_")}


@pytest.mark.parametrize("call", CALLS)
def test_no_error_of_the_database_escapes_from_any_call(path, call):
    with open_store(str(path)) as store:
        running(store)
        other = sqlite3.connect(path)
        for table in ("jobs", "requests", "responses", "workers", "tallies"):
            other.execute(f"DROP TABLE {table}")
        other.commit()
        other.close()
        error = raised(CALLS[call], store)
    assert isinstance(error, StoreError)
    assert str(path) in str(error)
    assert "\n" not in str(error)


def classes(root: type[BaseException]) -> set[type[BaseException]]:
    return {root}.union(*(classes(each) for each in root.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(classes(sqlite3.Error), key=str))
def test_every_error_of_the_driver_becomes_ours(path, kind):
    with pytest.raises(PubsubctlError, match="boom"), translated(path):
        raise kind("boom")


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("statement", (), sqlite3.OperationalError("boom")),
        IntegrityError("statement", (), sqlite3.IntegrityError("boom")),
        StatementError("boom", "statement", (), None),
        PendingRollbackError("boom"),
        ResourceClosedError("boom"),
        TimeoutError("boom"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_of_sqlalchemy_becomes_ours(path, error):
    with pytest.raises(PubsubctlError, match="boom"), translated(path):
        raise error


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("SQLITE_BUSY", StoreUnreachable, "fuser"),
        ("SQLITE_FULL", StoreUnreachable, "the disk is full"),
        ("SQLITE_IOERR_WRITE", StoreUnreachable, "cannot be read or written"),
        ("SQLITE_READONLY_DIRECTORY", StoreUnreachable, "permissions"),
        ("SQLITE_CANTOPEN", StoreUnreachable, "see that its folder exists"),
        ("SQLITE_CORRUPT_INDEX", StoreError, "is damaged"),
        ("SQLITE_NOTADB", StoreError, "is no SQLite database"),
        ("SQLITE_CONSTRAINT_UNIQUE", StoreError, "refused: what it said"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_do(path, name, kind, words):
    error = sqlite3.OperationalError("what it\nsaid")
    error.sqlite_errorcode = getattr(sqlite3, name)
    ours = failure(path, error)
    assert isinstance(ours, kind)
    assert words in str(ours)
    assert str(path) in str(ours)


def test_a_value_that_cannot_be_written_is_refused(path):
    with open_store(str(path)) as store:
        for odd in ("\udcff", 2**70):
            with pytest.raises(StoreError, match="cannot hold a value"):
                store.add([a_job(batch_id=odd)])
        assert store.find().jobs == []


def test_a_store_that_another_process_keeps_locked_is_unreachable_and_then_comes_back(path):
    open_store(str(path)).close()
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with SqlStore(SqliteDatabase(path, lambda: 0.0, lock_timeout_s=0.05)) as store:
        with pytest.raises(StoreUnreachable, match="locked by another process"):
            added(store)
        assert store.find().jobs == []
        other.close()
        added(store)


def test_a_store_that_another_thread_keeps_busy_is_unreachable(path):
    errors: list[PubsubctlError | None] = []
    with SqlStore(SqliteDatabase(path, lambda: 0.0, lock_timeout_s=0.05)) as store, store.group():
        thread = threading.Thread(target=lambda: errors.append(raised(added, store)))
        thread.start()
        thread.join()
    assert isinstance(errors[0], StoreUnreachable)


def test_a_store_that_became_read_only_is_unreachable_for_writing(path):
    with open_store(str(path)) as store:
        store._database._writer.execute("PRAGMA query_only=1")
        with pytest.raises(StoreUnreachable, match="may not be written"):
            added(store)
        assert store.find().jobs == []


def test_a_full_database_refuses_the_whole_group_and_works_again_when_there_is_room(path):
    with open_store(str(path)) as store:
        added(store, "before")
        writer = store._database._writer
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count={pages + 5}")

        def fill() -> None:
            with store.group():
                for number in range(1000):
                    added(store, f"job-{number}")

        with pytest.raises(StoreUnreachable, match="the disk is full"):
            fill()
        assert [job.id for job in store.find().jobs] == ["before"]
        writer.execute("PRAGMA max_page_count=100000")
        added(store, "after")
        assert store.request("after") == REQUEST


FILL = """if True:
    import resource, signal, sys
    from given import a_job
    from pubsubctl.errors import StoreUnreachable
    from pubsubctl.store.opening import open_store

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = open_store(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    for group in range(1000):
        try:
            with store.group():
                for part in range(10):
                    store.add([a_job(f"{group}-{part}-{n}") for n in range(10)])
        except StoreUnreachable as error:
            print(group, error)
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.close()
"""


def test_a_commit_that_finds_no_room_raises_and_leaves_no_half_group(path):
    command = [sys.executable, "-c", FILL, str(path)]
    folder = str(Path(__file__).parent)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PYTHONPATH": folder})
    assert done.returncode == 0, done.stderr
    whole, _, said = done.stdout.partition(" ")
    assert "room" in said
    with open_store(str(path)) as store:
        ids = {job.id for job in store.find(limit=100_000).jobs}
    assert int(whole) > 0
    assert ids == {f"{group}-{part}-{n}" for group in range(int(whole)) for part in range(10) for n in range(10)}


def test_a_damaged_file_is_named_as_such(path):
    with open_store(str(path)) as store:
        running(store, *(f"job-{number}" for number in range(500)))
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"), open_store(str(path)) as store:
        store.find()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_store_that_is_closed_while_others_read_does_not_hold_on_to_anything(path):
    store = open_store(str(path))
    added(store)
    stop = threading.Event()
    errors: list[BaseException] = []

    def read() -> None:
        while not stop.is_set():
            try:
                store.find()
            except StoreError:
                return
            except BaseException as error:  # noqa: BLE001 - whatever else it is, it is what the test looks for
                errors.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    store.close()
    for reader in readers:
        reader.join(10)
    stop.set()
    assert errors == []
    assert not [file for file in open_files(os.getpid()) if str(file).startswith(str(path))], "one is still open"


def test_a_reading_connection_that_was_left_in_a_transaction_can_be_read_by_again(path):
    with open_store(str(path)) as store:
        added(store)
        pooled = store._database._engine.raw_connection()
        pooled.driver_connection.execute("BEGIN")  # as an interrupt may leave it, between two steps
        pooled.close()
        raised(lambda store: store.find(), store)
        assert [job.id for job in store.find().jobs] == ["job-1"]
