"""The data directory: one emulator at a time, and no file of anybody else's is touched."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from broker_process import BrokerProcess
from pubsub_kit import Broker

from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.emulator.embedded.layout import unusable
from pubsubctl.emulator.embedded.log import Log
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


@pytest.mark.parametrize(
    ("host", "obstacle"),
    [("nowhere.invalid", "no host that is known"), ("192.0.2.1", "192.0.2.1 is no address of this machine")],
)
def test_a_place_where_one_cannot_listen_is_told_from_a_taken_port(tmp_path: Path, host: str, obstacle: str) -> None:
    with pytest.raises(EmulatorError, match=obstacle), EmbeddedBroker(tmp_path, host=host, port=8085):
        pass


def test_the_log_is_its_owners_alone(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path):
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert "broker.db-wal" in modes
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1), ("memory", 0)])
def test_durability_is_what_sqlite_is_told(tmp_path: Path, durability: str, synchronous: int) -> None:
    log = Log(tmp_path / "broker.db", durability=durability)
    assert log._writer.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    log.close()


def test_a_full_disk_has_its_own_advice(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert str(unusable(tmp_path, "open", error)).endswith("the disk is full; make room on it")


def test_each_log_has_an_identity_that_it_keeps(tmp_path: Path) -> None:
    identities = []
    for name in ("a", "a", "b"):
        log = Log(tmp_path / name)
        identities.append(log.counter("identity"))
        log.close()
    assert identities[0] == identities[1] != identities[2]


def test_a_subscription_without_its_topic_is_one_to_a_deleted_topic(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as embedded:
        broker = Broker("embedded", embedded.address)
        _, subscription = broker.pair()
        broker.close()
    with closing(sqlite3.connect(tmp_path / "broker.db", isolation_level=None)) as log:
        log.execute("DELETE FROM topics")
    with EmbeddedBroker(tmp_path) as embedded:
        broker = Broker("embedded", embedded.address)
        assert broker.subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"
        broker.close()


def test_the_log_takes_a_name_once(tmp_path: Path) -> None:
    log = Log(tmp_path / "broker.db")
    add = "INSERT INTO topics (name, deleted, config) VALUES ('t', ?, x'')"
    log._writer.execute(add, (1,))
    log._writer.execute(add, (0,))
    with pytest.raises(sqlite3.IntegrityError):
        log._writer.execute(add, (0,))
    log.close()
