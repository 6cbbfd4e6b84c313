"""The .pubsubctl directory: found from below, made for its owner alone, locked among processes, replaced whole."""

import subprocess
import sys
import threading

import pytest

from pubsubctl.errors import StateError
from pubsubctl.state import DIRECTORY, SETTINGS_FILE, State

HOLDER = """
import sys
from pathlib import Path
from pubsubctl.state import State
with State(Path(sys.argv[1])).lock("emulator"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / DIRECTORY)


def test_the_nearest_directory_above_is_found(tmp_path):
    (tmp_path / DIRECTORY).mkdir()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert State.find(inner) == State(tmp_path / DIRECTORY)
    (tmp_path / "a" / DIRECTORY).mkdir()
    assert State.find(inner) == State(tmp_path / "a" / DIRECTORY)


def test_where_there_is_none_it_would_be_made_in_the_folder_itself_and_is_not_yet(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / DIRECTORY).write_text("a file is no such directory")
    state = State.find(tmp_path / "a")
    assert state == State(tmp_path / "a" / DIRECTORY)
    assert not state.directory.exists()


def test_where_there_is_none_it_would_be_made_beside_the_nearest_settings(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / SETTINGS_FILE).write_text("")
    assert State.find(inner) == State(tmp_path / DIRECTORY)
    (inner / SETTINGS_FILE).mkdir()
    assert State.find(inner) == State(tmp_path / DIRECTORY)
    (tmp_path / "a" / SETTINGS_FILE).write_text("")
    assert State.find(inner) == State(tmp_path / "a" / DIRECTORY)
    (tmp_path / DIRECTORY).mkdir()
    assert State.find(inner) == State(tmp_path / "a" / DIRECTORY), "the nearest folder of either kind is the project"
    assert State.find(tmp_path) == State(tmp_path / DIRECTORY)


def test_it_is_looked_for_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert State.find() == State(tmp_path / DIRECTORY)


def test_it_is_made_for_its_owner_alone_as_often_as_asked(state):
    state.create()
    state.create()
    assert state.directory.stat().st_mode & 0o777 == 0o700


def test_its_files_lie_in_it(state):
    for path in (state.jobs_db, state.broker_db, state.emulator_json, state.emulator_log):
        assert path.parent == state.directory


def test_where_it_cannot_be_made_the_error_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot create .*/file/\.pubsubctl: Not a directory; run from a folder"):
        State(tmp_path / "file" / DIRECTORY).create()
    with pytest.raises(StateError, match=r"cannot create .*/file: File exists"):
        State(tmp_path / "file").create()


def test_a_lock_keeps_other_processes_out_until_their_end_however_that_comes(state):
    state.create()
    command = [sys.executable, "-c", HOLDER, str(state.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            with (
                pytest.raises(StateError, match=r"emulator\.lock is held by another process"),
                state.lock("emulator", wait=False),
            ):
                pass
            with state.lock("another", wait=False):
                pass
        finally:
            holder.kill()
        holder.wait()
    with state.lock("emulator", wait=False):
        pass


def test_a_lock_is_waited_for(state):
    order = []

    def second():
        with state.lock("x"):
            order.append("second")

    with state.lock("x"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_lock_is_given_back_after_an_error(state):
    with pytest.raises(KeyError), state.lock("x"):
        raise KeyError
    with state.lock("x", wait=False):
        pass


def test_a_lock_that_cannot_be_made_is_an_error_of_ours(state):
    state.create()
    (state.directory / "x.lock").mkdir()
    with pytest.raises(StateError, match=r"cannot open .*/x\.lock: Is a directory"), state.lock("x"):
        pass


def test_json_is_read_as_it_was_written_and_nothing_else_is_left(state):
    state.write_json(state.emulator_json, {"pid": 1, "address": "é"})
    state.write_json(state.emulator_json, {"pid": 2})
    assert state.read_json(state.emulator_json) == {"pid": 2}
    assert list(state.directory.iterdir()) == [state.emulator_json]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_as_good_as_not_there(content, state):
    state.create()
    if content is not None:
        state.emulator_json.write_bytes(content)
    assert state.read_json(state.emulator_json) is None


def test_a_file_that_cannot_be_read_or_written_is_an_error_of_ours(state):
    state.create()
    state.emulator_json.mkdir()
    with pytest.raises(StateError, match=r"cannot read .*emulator\.json: Is a directory"):
        state.read_json(state.emulator_json)
    with pytest.raises(StateError, match=r"cannot write .*emulator\.json: Is a directory"):
        state.write_json(state.emulator_json, {})


def test_a_reader_never_sees_half_of_what_is_written(state):
    """Replaced while it is read over and over: it is the old or the new one, whole."""
    contents = [{"n": number, "pad": "x" * 20_000} for number in range(2)]
    state.write_json(state.emulator_json, contents[0])
    ended = threading.Event()

    def write():
        for number in range(200):
            state.write_json(state.emulator_json, contents[number % 2])
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not ended.is_set():
        assert state.read_json(state.emulator_json) in contents
    thread.join()
