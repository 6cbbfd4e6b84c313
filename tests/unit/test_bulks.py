"""Requests are submitted together as they come, and none waits for what does not come."""

import itertools
import time

import pytest

from pubsubctl import bulks as module
from pubsubctl.bulks import BYTES_AT_ONCE, bulks
from pubsubctl.cli.sources import Source
from pubsubctl.cli.submitting import _pausing
from pubsubctl.submission import build

ONE = build("GET", "/")


@pytest.fixture
def in_no_time(monkeypatch):
    """Nothing is late, however busy the machine is."""
    monkeypatch.setattr(module, "_SLOW_S", 100)
    monkeypatch.setattr(module, "_LONGEST_S", 100)


def sizes(coming):
    return [len(bulk) for bulk in bulks(coming)]


@pytest.mark.usefixtures("in_no_time")
def test_those_that_are_there_go_together():
    assert sizes([]) == []
    assert sizes([ONE] * 999) == [999]
    assert sizes([ONE] * 2_000) == [1_000, 1_000]
    assert sizes([ONE] * 2_001) == [1_000, 1_000, 1]


@pytest.mark.usefixtures("in_no_time")
def test_bodies_bound_them_too():
    large = build("POST", "/", data=bytes(BYTES_AT_ONCE // 2))
    assert sizes([ONE, large, large, ONE]) == [3, 1]


@pytest.mark.usefixtures("in_no_time")
def test_at_a_none_those_before_it_go():
    assert sizes([None, ONE, ONE, None, None, ONE, None]) == [2, 1]
    endless = itertools.chain([ONE, None], itertools.repeat(None))
    assert next(iter(bulks(endless))) == [ONE]


@pytest.mark.usefixtures("in_no_time")
def test_what_has_come_is_submitted_before_anything_is_done_at_a_pause():
    done = []
    coming = _pausing(Source(iter([ONE, ONE, None, ONE, None]), False), lambda: done.append("pause"))
    for bulk in bulks(coming):
        done += [len(bulk)]
    assert done == [2, "pause", 1, "pause"]


def test_one_that_was_slow_to_come_waits_for_no_other(monkeypatch):
    monkeypatch.setattr(module, "_LONGEST_S", 100)

    def coming():
        time.sleep(0.2)
        yield ONE
        yield ONE

    assert next(iter(bulks(coming()))) == [ONE]


def test_none_waits_long_for_those_that_come_one_soon_after_another(monkeypatch):
    monkeypatch.setattr(module, "_SLOW_S", 100)

    def coming():
        for _ in range(100):
            time.sleep(0.02)
            yield ONE

    assert 3 <= len(sizes(coming())) <= 34  # of half a second each, or of what a busy machine makes of 20 ms
