"""The worker's log on a pipe that nobody reads."""

import logging
import os
import threading
import time

import pytest

from pubsubctl.render.patience import PatientHandler


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        yield reading, PatientHandler(stream)
    os.close(reading)


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("pubsubctl", logging.INFO, "", 0, text, None, None)


def test_a_record_is_written_at_once_and_whole(pipe):
    reading, handler = pipe
    handler.emit(record("\N{SNOWMAN}" * 5000))
    assert os.read(reading, 100_000).decode() == "\N{SNOWMAN}" * 5000 + "\n"


def test_what_nobody_reads_is_waited_for_once_and_told_when_somebody_reads_again(pipe):
    reading, handler = pipe
    began = time.monotonic()
    for _ in range(100):
        handler.emit(record("x" * 4000))
    assert time.monotonic() - began < 10
    kept = os.read(reading, 1 << 20).count(b"\n")
    assert 0 < kept < 100
    handler.emit(record("last"))
    assert os.read(reading, 1 << 20).decode().splitlines()[-2:] == [
        f"lines of this log that are lost, since nobody read it: {100 - kept}",
        "last",
    ]


def test_what_follows_a_record_that_was_cut_is_a_line_of_its_own(pipe):
    reading, handler = pipe
    handler.emit(record("x" * 200_000))
    cut = os.read(reading, 1 << 20)
    assert set(cut) == {ord("x")}
    handler.emit(record("whole"))
    lost = "lines of this log that are lost, since nobody read it: 1"
    assert os.read(reading, 1 << 20).decode().split("\n") == ["", lost, "whole", ""]


def test_a_reader_that_is_slow_is_waited_for_no_longer_than_one_that_does_not_read(pipe):
    reading, handler = pipe
    over = threading.Event()

    def read_slowly() -> None:
        while not over.wait(0.3):
            os.read(reading, 4096)

    slow = threading.Thread(target=read_slowly)
    slow.start()
    began = time.monotonic()
    handler.emit(record("x" * 1_000_000))
    took_s = time.monotonic() - began
    over.set()
    slow.join()
    assert took_s < 10, "a second, and not one for each piece"
