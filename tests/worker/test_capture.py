"""What is printed is let out once, whoever lets it out: its own thread, the watch, a signal's handler."""

import errno
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context

import pytest
from pool_kit import Kept, code, opened

from pubsubctl.worker.capture import Capture

MUCH = "x" * 10_000
FORKS = """
import gc, os, threading
from pubsubctl.worker.capture import Log

def fork():
    pid = os.fork()
    if not pid:
        print("copy")
        os._exit(0)
    os.waitpid(pid, 0)

threads = [threading.Thread(target=fork)]

class Held(bytearray):
    def __getitem__(self, key):
        if threads:
            threads[0].start()
            threads.pop().join()
        return super().__getitem__(key)

[log] = [each for each in gc.get_objects() if isinstance(each, Log)]
log.held[1] = Held()
print("original")
"""


class Interrupted(bytearray):
    """What waits for the end of its line; something happens just before it is taken out, once."""

    meanwhile: Callable[[], object] | None = None

    def __getitem__(self, key):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().__getitem__(key)


def interrupted(meanwhile: Callable[[], object]) -> Interrupted:
    held = Interrupted()
    held.meanwhile = meanwhile
    return held


def elsewhere(work: Callable[[], object], patience_s: float | None = None) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(patience_s)
    return thread


def test_the_watch_lets_nothing_out_that_is_just_being_printed(capfd):
    capture = Capture(alone=True)
    with capture.attempt() as log:
        log.held[2] = interrupted(lambda: elsewhere(capture.flush))
        capture.stderr.write(MUCH)
    assert capfd.readouterr().err == MUCH
    assert (capture.written, log.tail.total) == (len(MUCH), len(MUCH))


def test_another_thread_prints_after_what_is_just_being_printed(capfd):
    capture, others = Capture(alone=True), []
    with capture.attempt() as log:
        log.held[2] = interrupted(lambda: others.append(elsewhere(lambda: capture.stderr.write("y\n"), 0.1)))
        capture.stderr.write(MUCH)
        others[0].join()
    assert capfd.readouterr().err == MUCH + "y\n"


def test_the_handler_of_a_signal_may_print_while_its_thread_prints(capfd):
    capture = Capture(alone=True)
    with capture.attempt() as log:
        log.held[2] = interrupted(lambda: (capture.stderr.write("handler\n"), capture.stderr.flush()))
        capture.stderr.write(MUCH)
    assert capfd.readouterr().err == "handler\n" + MUCH


@contextmanager
def given_up_at(number: signal.Signals, error: OSError | None = None) -> Iterator[None]:
    """A signal raises what is a kind of OSError, as many applications have it."""

    def give_up(*_: object) -> None:
        raise error or TimeoutError

    before = signal.signal(number, give_up)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("error", [TimeoutError(), BrokenPipeError(errno.EPIPE, ""), BlockingIOError(errno.EAGAIN, "")])
def test_the_handler_of_a_signal_may_raise_while_nobody_reads_what_its_thread_prints(error):
    reading, writing = os.pipe()
    here = threading.get_ident()
    with given_up_at(signal.SIGUSR1, error):
        later = threading.Timer(0.2, signal.pthread_kill, (here, signal.SIGUSR1))
        later.start()
        with pytest.raises(type(error)) as raised:
            Capture(alone=True).put(writing, bytes(1 << 20))
        assert raised.value is error
        later.join()
    os.close(reading)
    os.close(writing)


def test_the_handler_of_a_signal_may_raise_while_its_thread_prints(capfd):
    capture, chance, free = Capture(alone=True), random.Random(1), []
    with given_up_at(signal.SIGVTALRM):
        for _ in range(200):
            with capture.attempt() as log:
                with suppress(TimeoutError):
                    signal.setitimer(signal.ITIMER_VIRTUAL, chance.uniform(0.0002, 0.003))
                    while True:
                        capture.stderr.write("no end of a line, ")
                elsewhere(lambda log=log: log.take_turn_if_free(free.append))
    assert free == [True] * 200
    assert capfd.readouterr().err.startswith("no end of a line, no end of a line, ")


def test_what_is_printed_after_the_attempt_does_not_wait_for_the_end_of_its_line(capfd):
    capture = Capture(alone=True)
    with capture.attempt():
        left_behind = copy_context()
    left_behind.run(capture.stderr.write, "late")
    assert capfd.readouterr().err == "late"


def test_a_copy_that_is_forked_while_somebody_prints_prints_too(monkeypatch: pytest.MonkeyPatch):
    kept, asked = Kept(), code(FORKS)
    with opened(monkeypatch) as pools:
        pool, listener = pools("anyapp:app", output=kept)
        pool.run([asked])
        listener.answer_of(asked)
    assert kept.data == b"copy\noriginal\n"
