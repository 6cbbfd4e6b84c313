"""What the worker's main thread watches over."""

import threading
from pathlib import Path

import pytest

from pubsubctl.settings import Settings
from pubsubctl.worker.run import Worker


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(Settings.load({}, environ={}, start=tmp_path), "testapp:app")


def fail() -> None:
    raise ZeroDivisionError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # which is the very point
@pytest.mark.parametrize("name", ["recorder", "pool", "keeper", "sweeper", "puller", "stopping"])
def test_a_thread_of_ours_that_dies_of_a_fault_stops_the_worker(worker, name):
    with worker._thread_failures():
        thread = threading.Thread(target=fail, name=name)
        thread.start()
        thread.join()
    event = worker._events.get(timeout=5)
    assert event.kind == "failed"
    assert f"the {name} thread failed: ZeroDivisionError()" in event.text


def test_a_thread_of_the_clients_may_die(worker, capsys):
    with worker._thread_failures():
        thread = threading.Thread(target=fail, name="Thread-LeaseMaintainer")
        thread.start()
        thread.join()
    assert worker._events.empty()
    assert capsys.readouterr().err == ""
