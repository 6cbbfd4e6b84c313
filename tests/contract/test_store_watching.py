import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from given import added, running

WATCHER = Path(__file__).with_name("watcher.py")
SOON_S = 0.5  # what is promised is milliseconds; this leaves room for a machine that is busy with other tests


def test_a_watch_is_quiet_while_nothing_changes(store):
    with store.watch() as watch:
        began = time.monotonic()
        assert watch.wait(0.05) is False
        assert time.monotonic() - began >= 0.05
        store.find()
        assert watch.wait(0.0) is False


def test_a_change_before_the_wait_is_not_slept_through(store):
    with store.watch() as watch:
        added(store, "job-1")
        assert watch.wait(10.0) is True
        assert watch.wait(0.0) is False
        added(store, "job-2")
        running(store, "job-3")
        assert watch.wait(10.0) is True


def test_a_group_wakes_when_it_ends(store):
    with store.watch() as watch:
        with store.group():
            added(store)
            assert watch.wait(0.02) is False
        assert watch.wait(10.0) is True


def test_a_change_wakes_a_waiter_soon(store, backend):
    other = backend.open()
    with store.watch() as watch:
        timer = threading.Timer(0.1, lambda: added(other))
        timer.start()
        began = time.monotonic()
        assert watch.wait(10.0) is True
        timer.join()
        assert time.monotonic() - began < 0.1 + SOON_S
        assert store.get(["job-1"]) != [None]


def test_a_waiter_in_another_process_wakes_soon_and_sees_the_change(store, backend):
    with subprocess.Popen([sys.executable, WATCHER, backend.url], stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "watching\n"
        took = []
        for number in range(10):
            added(store, f"job-{number}")
            wrote = time.monotonic()
            assert watcher.stdout.readline() == f"{number + 1}\n"
            took.append(time.monotonic() - wrote)
    assert watcher.returncode == 0
    assert sorted(took)[5] < SOON_S


def test_those_who_leave_break_off_no_call_of_others(store):
    written = threading.Event()

    def look_in() -> None:
        while not written.is_set():
            with store.watch() as watch:
                watch.wait(0.01)

    with ThreadPoolExecutor() as pool:
        watchers = [pool.submit(look_in) for _ in range(3)]
        try:
            for number in range(60):
                added(store, f"job-{number}")
        finally:
            written.set()
        for watcher in watchers:
            watcher.result(40)
    assert None not in store.get([f"job-{number}" for number in range(60)])
