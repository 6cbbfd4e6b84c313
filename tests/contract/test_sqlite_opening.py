import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from given import added, the_job

from pubsubctl.errors import InvalidSetting, StoreError, StoreUnreachable
from pubsubctl.store.opening import open_store


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_path_and_a_url_mean_the_same_file(tmp_path, form):
    path = tmp_path / "a folder" / "jobs.db"
    path.parent.mkdir()
    with open_store(form.format(path)) as store:
        added(store)
    with open_store(str(path)) as store:
        assert the_job(store).id == "job-1"


def test_a_relative_path_is_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///jobs.db").close()
    assert (tmp_path / "jobs.db").exists()


def test_the_file_is_for_its_owner_alone(tmp_path):
    with open_store(str(tmp_path / "jobs.db")) as store:
        added(store)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes) == {"jobs.db", "jobs.db-wal", "jobs.db-shm"}
    assert set(modes.values()) == {0o600}


def test_the_state_directory_is_made_for_its_owner_alone(tmp_path):
    open_store(str(tmp_path / ".pubsubctl" / "jobs.db")).close()
    assert stat.S_IMODE((tmp_path / ".pubsubctl").stat().st_mode) == 0o700


def test_no_other_directory_is_made(tmp_path):
    with pytest.raises(StoreUnreachable, match="see that its folder exists"):
        open_store(str(tmp_path / "missing" / "jobs.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["mysql://host/db", "redis://x", "sqlite+aiosqlite:///x"])
def test_a_scheme_that_no_store_has_is_refused_naming_those_that_exist(url):
    with pytest.raises(InvalidSetting, match=r"no store is called .*sqlite://"):
        open_store(url)


@pytest.mark.parametrize("url", ["", "sqlite:///", "sqlite:///:memory:", ":memory:"])
def test_a_store_that_processes_could_not_share_is_refused(url):
    with pytest.raises(InvalidSetting, match="names no file"):
        open_store(url)


def test_a_directory_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="is no file"):
        open_store(str(tmp_path))


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    with pytest.raises(StoreError, match="is no SQLite database"):
        open_store(str(path))
    assert path.read_text() == "remember the milk\n" * 100
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE songs (title TEXT)",
        "CREATE TABLE jobs (id TEXT); CREATE TABLE meta (key TEXT, value TEXT)",
        "CREATE TABLE meta (key TEXT, value TEXT); INSERT INTO meta VALUES ('application', 'another')",
    ],
)
def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path, script):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's"):
        open_store(str(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "jobs.db"
    open_store(str(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"is of version 99, this pubsubctl knows up to \d+; upgrade"):
        open_store(str(path))


def test_two_stores_have_two_identities(tmp_path):
    with open_store(str(tmp_path / "a.db")) as one, open_store(str(tmp_path / "b.db")) as other:
        assert one.store_id != other.store_id


def test_opening_a_store_again_in_one_process_breaks_no_lock(tmp_path):
    """Any descriptor of the file that is closed would drop the locks of this process (howtocorrupt.html, 2.2)."""
    path = tmp_path / "jobs.db"
    look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0); c.execute('BEGIN IMMEDIATE'); c.close()"
    with open_store(str(path)) as store, store.group():
        added(store)
        open_store(str(path)).close()
        other = subprocess.run(
            [sys.executable, "-c", look, path], capture_output=True, text=True, timeout=30, check=False
        )
    assert "database is locked" in other.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_store_that_may_not_be_written_is_refused_when_it_is_opened(tmp_path, what):
    path = tmp_path / "jobs.db"
    open_store(str(path)).close()
    locked = path if what == "file" else tmp_path
    locked.chmod(0o500)
    try:
        with pytest.raises(StoreUnreachable, match="may not be written"):
            open_store(str(path))
    finally:
        locked.chmod(0o700)


def test_opening_imports_no_more_of_sqlalchemy_than_core(tmp_path):
    script = """if True:
        import sys
        from pubsubctl.store.opening import open_store
        assert not any(name.startswith("sqlalchemy") for name in sys.modules), "before it is needed"
        open_store(sys.argv[1]).close()
        print([name for name in sys.modules if name.startswith("sqlalchemy.orm")], "grpc" in sys.modules)
    """
    command = [sys.executable, "-c", script, str(tmp_path / "jobs.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "[] False\n", done.stderr
