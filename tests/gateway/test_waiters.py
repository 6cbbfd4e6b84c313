"""Whatever the store does, nobody waits for longer than was said."""

import logging
import threading
import time

import pytest

from pubsubctl.gateway.events import Events
from pubsubctl.gateway.waiters import Waiters


class Odd:
    """A store of which one call is another one."""

    def __init__(self, store, ended):
        self._store = store
        self.ended = ended

    def __getattr__(self, name):
        return getattr(self._store, name)


def test_a_store_that_does_not_answer_delays_no_wait(surroundings):
    hung = threading.Event()

    def ended(_):
        hung.wait(20)
        return []

    waiters = Waiters(Odd(surroundings.client.store, ended), most=10)
    wait = waiters.enter("abc")
    began = time.monotonic()
    assert wait.until(began + 0.5).wait(10)
    assert time.monotonic() - began < 3
    hung.set()
    waiters.close()


def test_a_fault_ends_no_watch_for_good(surroundings, caplog):
    faults = [ArithmeticError("a fault")]

    def ended(ids):
        if faults:
            raise faults.pop()
        return surroundings.client.store.ended(ids)

    caplog.set_level(logging.CRITICAL, "pubsubctl.gateway")
    job = surroundings.client.submit("GET", "/none")
    waiters = Waiters(Odd(surroundings.client.store, ended), most=10)
    with waiters.enter(job.id) as wait:
        assert wait.until(time.monotonic() + 60).wait(70)
        assert wait.job is not None
    waiters.close()


@pytest.mark.parametrize("pausing", [True, False])
def test_a_stream_that_is_closed_before_it_begins_leaves_nothing(surroundings, pausing):
    job = surroundings.client.submit("GET", "/none")
    waiters = Waiters(surroundings.client.store, most=10)
    wait = waiters.enter(job.id, follows=True)
    stream = Events(surroundings.client.get(job.id), wait, waiters, "")
    stream({"REQUEST_METHOD": "GET", "pubsubctl.pausing": pausing}, lambda *_: None).close()
    assert waiters.count == 0
    waiters.close()
