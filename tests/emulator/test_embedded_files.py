"""The data directory: one emulator at a time, and no file of anybody else's is touched."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from broker_process import BrokerProcess

from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.errors import EmulatorError


def start(data: Path) -> None:
    with EmbeddedBroker(data):
        pass


def test_a_second_emulator_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path), pytest.raises(EmulatorError, match=f"in use by the emulator with pid {os.getpid()}"):
        start(tmp_path)


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    process = BrokerProcess(tmp_path)
    process.start()
    with pytest.raises(EmulatorError, match=f"pid {process.pid}"):
        start(tmp_path)
    process.close()
    start(tmp_path)


@pytest.mark.parametrize("content", [b"hello, this is a text file" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broker.db"
    path.write_bytes(content)
    with pytest.raises(EmulatorError, match=r"broker\.db"):
        start(tmp_path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "broker.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photos (id)")
        other.commit()
    content = path.read_bytes()
    with pytest.raises(EmulatorError, match="another program"):
        start(tmp_path)
    assert path.read_bytes() == content


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    start(tmp_path)
    with closing(sqlite3.connect(tmp_path / "broker.db")) as log:
        log.execute("PRAGMA user_version = 99")
    with pytest.raises(EmulatorError, match="file format 99"):
        start(tmp_path)


def test_a_damaged_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    start(tmp_path)
    path = tmp_path / "broker.db"
    content = bytearray(path.read_bytes())
    content[100:4000] = b"\xee" * 3900
    path.write_bytes(content)
    with pytest.raises(EmulatorError, match="cannot open the message log"):
        start(tmp_path)
    assert path.read_bytes() == content


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmulatorError, match="cannot use"):
        start(tmp_path / "file" / "below")


def test_a_taken_port_is_an_error(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "a") as first:
        port = int(first.address.rpartition(":")[2])
        with (
            pytest.raises(EmulatorError, match=r"cannot listen at 127\.0\.0\.1"),
            EmbeddedBroker(tmp_path / "b", port=port),
        ):
            pass
    start(tmp_path / "b")
