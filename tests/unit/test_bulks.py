"""Requests are submitted together as they come, and none waits for what does not come."""

import itertools
import time

from pubsubctl.bulks import BYTES_AT_ONCE, bulks
from pubsubctl.submission import build

ONE = build("GET", "/")


def sizes(coming):
    return [len(bulk) for bulk in bulks(coming)]


def test_those_that_are_there_go_together():
    assert sizes([]) == []
    assert sizes([ONE] * 999) == [999]
    assert sizes([ONE] * 2_000) == [1_000, 1_000]
    assert sizes([ONE] * 2_001) == [1_000, 1_000, 1]


def test_bodies_bound_them_too():
    large = build("POST", "/", data=bytes(BYTES_AT_ONCE // 2))
    assert sizes([ONE, large, large, ONE]) == [3, 1]


def test_at_a_none_those_before_it_go():
    assert sizes([None, ONE, ONE, None, None, ONE, None]) == [2, 1]
    endless = itertools.chain([ONE, None], itertools.repeat(None))
    assert next(iter(bulks(endless))) == [ONE]


def test_one_that_was_slow_to_come_waits_for_no_other():
    def coming():
        yield ONE
        time.sleep(0.2)
        yield ONE
        yield ONE

    assert sizes(coming()) == [2, 1]
