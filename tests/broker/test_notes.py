"""What the broker has is noted a moment later, and never lost by a process that ends as processes do."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pubsubctl import Client, Settings
from pubsubctl.errors import StoreError, StoreUnreachable
from pubsubctl.exchange import Request
from pubsubctl.job import NewJob
from pubsubctl.notes import Notes
from pubsubctl.store.base import Store
from pubsubctl.store.messages import Published
from pubsubctl.store.opening import open_store

MOMENT_S = 20.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "jobs.db")) as store:
        store.add([NewJob(job_id, Request.of("GET", "/"), "topic") for job_id in ("a", "b")])
        yield store


def message_of(store: Store, job_id: str) -> str | None:
    job = store.get([job_id])[0]
    assert job is not None
    return job.message_id


def test_a_note_is_written_by_itself_soon(store):
    notes = Notes(store)
    with store.watch() as watch:
        notes.put([Published("a", "1")])
        while message_of(store, "a") is None:
            assert watch.wait(MOMENT_S)
    assert message_of(store, "a") == "1"
    notes.close()


def test_a_thread_of_notes_lives_no_longer_than_there_are_some(store):
    notes = Notes(store)
    notes.put([Published("a", "1")])
    (thread,) = [each for each in threading.enumerate() if each.name == "notes"]
    notes.close()
    thread.join(MOMENT_S)
    assert not thread.is_alive()
    assert message_of(store, "a") == "1"


def test_notes_are_written_together_with_what_is_added_next_or_not_at_all(store):
    notes = Notes(store)
    with notes.together():
        store.add([NewJob("c", Request.of("GET", "/"), "topic")])
    seen: list[str | None] = []

    def add_again() -> None:
        with notes.together():
            seen.append(message_of(store, "a"))
            store.add([NewJob("c", Request.of("GET", "/"), "topic")])

    notes.put([Published("a", "1")])
    with pytest.raises(StoreError, match="has a job 'c' already"):
        add_again()
    assert seen == ["1"]
    notes.flush()
    assert message_of(store, "a") == "1", "what was undone with the group is noted later"
    notes.close()


def test_what_a_store_that_is_away_is_not_told_is_forgotten_and_nobody_is_disturbed(store):
    def away(_: object) -> None:
        raise StoreUnreachable("away")

    notes = Notes(store)
    published, store.published = store.published, away
    notes.put([Published("a", "1")])
    notes.flush()
    store.published = published
    notes.put([Published("b", "2")])
    notes.close()
    assert (message_of(store, "a"), message_of(store, "b")) == (None, "2")


ENDS = """
import sys
from pubsubctl.notes import Notes
from pubsubctl.store.messages import Published
from pubsubctl.store.opening import open_store

Notes(open_store(sys.argv[1])).put([Published("a", "1")])
"""


def test_a_process_that_ends_without_a_word_has_noted_everything(store, tmp_path):
    subprocess.run([sys.executable, "-c", ENDS, str(tmp_path / "jobs.db")], check=True, timeout=60)
    assert message_of(store, "a") == "1"


def test_who_asks_for_a_job_waits_for_no_writer(tmp_path):
    settings = Settings.load({"store": str(tmp_path / "jobs.db")}, environ={}, start=tmp_path)
    with Client(settings) as client:
        client.store.add([NewJob("a", Request.of("GET", "/"), "topic")])
        entered, leave = threading.Event(), threading.Event()

        def write() -> None:
            with client._notes.together():
                entered.set()
                assert leave.wait(MOMENT_S)

        writer = threading.Thread(target=write)
        writer.start()
        assert entered.wait(MOMENT_S)
        assert client.get("a").id == "a"
        leave.set()
        writer.join()
